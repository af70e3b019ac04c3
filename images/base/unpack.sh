#!/bin/sh
# Unpacks packages.txt for $ARCH into /root-of-image and finishes what the packages' own scripts would have done.
set -eu

root=/root-of-image
export DEBIAN_FRONTEND=noninteractive

[ "$(dpkg --print-architecture)" = "$ARCH" ] || dpkg --add-architecture "$ARCH"
apt-get update -qq
# These two run here, on the machine that builds: one compiles, the other makes the certificate bundle.
apt-get install -y -qq --no-install-recommends python3-minimal libpython3-stdlib ca-certificates >/dev/null

mkdir -p "$root" /build/debs
cd /build/debs
sed -e '/^#/d' -e "s/\$/:$ARCH/" /build/packages.txt | xargs apt-get download -qq
# base-files first: it holds the links /bin, /lib, /sbin -> usr/…
dpkg -x base-files_*.deb "$root"
for deb in ./*.deb; do
    dpkg -x "$deb" "$root"
done

ln -sf python3 "$root/usr/bin/python"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
cp "$root/usr/share/base-files/nsswitch.conf" "$root/etc/nsswitch.conf"
printf '%s\n' 'root:x:0:0:root:/root:/usr/sbin/nologin' 'app:x:10001:10001:app:/app:/usr/sbin/nologin' > "$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'app:x:10001:' > "$root/etc/group"

cd "$root"
# Not needed to run: documentation, character sets of iconv, tests, editors' and packagers' files.
rm -rf usr/share/doc usr/share/man usr/share/info usr/share/lintian usr/share/locale usr/share/bug usr/share/base-files \
    usr/share/ca-certificates usr/share/perl5 usr/share/applications usr/share/pixmaps usr/share/python3/debpython \
    usr/share/menu usr/share/debianutils usr/share/libc-bin usr/sbin/update-ca-certificates var/cache var/log \
    usr/lib/python3.13/idlelib usr/lib/python3.13/test usr/lib/python3.13/ensurepip usr/lib/python3.13/turtledemo \
    usr/lib/python3.13/lib2to3 usr/lib/python3.13/pydoc_data
find usr/lib -path '*/gconv/*' -delete
mkdir -p app tmp var/tmp var/cache var/log
chmod 1777 tmp var/tmp
# The root is read-only where this runs, so bytecode is made here; it is the same for every architecture.
python3 -m compileall -q -j 0 -s "$root" -p / --invalidation-mode unchecked-hash usr/lib/python3.13 usr/lib/python3 || exit 1
