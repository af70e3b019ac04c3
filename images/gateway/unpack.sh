#!/bin/sh
# Unpacks packages.txt for $ARCH into /root-of-image. The packages' own scripts never run, so one machine makes it for any architecture.
set -eu

root=/root-of-image
arch=${ARCH:-$(dpkg --print-architecture)}
export DEBIAN_FRONTEND=noninteractive

[ "$(dpkg --print-architecture)" = "$arch" ] || dpkg --add-architecture "$arch"
apt-get update -qq
# Python runs here, on the machine that builds: it makes the table of routes.
apt-get install -y -qq --no-install-recommends python3-minimal libpython3-stdlib >/dev/null

mkdir -p "$root" /build/debs
cd /build/debs
sed -e '/^#/d' -e "s/\$/:$arch/" /build/packages.txt | xargs apt-get -o APT::Sandbox::User=root download -qq
for deb in ./*.deb; do
    dpkg -x "$deb" "$root"
done

# Only what runs stays: the server, its two modules, LuaJIT and the Lua libraries.
cd "$root"
rm -rf etc lib var usr/lib/systemd usr/share/doc usr/share/man usr/share/lintian usr/share/nginx usr/share/luajit-2.1/jit/dis_* \
    usr/share/lua/5.[234] usr/lib/*/lua/5.[234] usr/lib/*/liblua5.[234]*
