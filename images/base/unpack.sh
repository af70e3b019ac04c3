#!/bin/sh
# Unpacks packages.txt for $ARCH into /work/root, and does the little that the packages' own scripts would have done.
set -eu

root=/work/root
mkdir -p "$root" /work/packages

[ "$(dpkg --print-architecture)" = "$ARCH" ] || dpkg --add-architecture "$ARCH"
apt-get update -qq
cd /work/packages
# Packages that are the same on every architecture have no name with one.
grep -v '^#' /work/packages.txt | while read -r name; do
    apt-cache show "$name:$ARCH" 2> /dev/null | grep -q '^Package:' && name=$name:$ARCH
    echo "$name"
done | xargs apt-get -o APT::Sandbox::User=root download -qq
# base-files goes first: it holds the links /bin, /lib and /sbin into /usr.
dpkg -x base-files_*.deb "$root"
for package in ./*.deb; do
    dpkg -x "$package" "$root"
done
rm -rf /work/packages /var/cache/apt/* /var/lib/apt/lists/*

cd "$root"
ln -s python3 usr/bin/python
cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt
printf '%s\n' 'root:x:0:0:root:/root:/usr/sbin/nologin' 'app:x:10001:10001:app:/app:/usr/sbin/nologin' > etc/passwd
printf '%s\n' 'root:x:0:' 'app:x:10001:' > etc/group
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' 'protocols: files' 'services: files' > etc/nsswitch.conf

# Not needed to run: documentation, certificates one by one (the bundle has them), translations, tools of packagers.
rm -rf usr/share/doc usr/share/man usr/share/info usr/share/lintian usr/share/locale usr/share/bug usr/share/menu \
    usr/share/ca-certificates usr/share/applications usr/share/pixmaps usr/share/python3 usr/sbin/update-ca-certificates \
    usr/lib/python3.13/idlelib usr/lib/python3.13/test usr/lib/python3.13/turtledemo usr/lib/python3.13/pydoc_data
rm -rf usr/lib/*/gconv
mkdir -p app tmp var/tmp
chmod 1777 tmp var/tmp

# The root is read-only where this runs, so bytecode is made here; it is the same for every architecture.
python3 -m compileall -q -j 0 -s "$root" -p / --invalidation-mode unchecked-hash "$root/usr/lib/python3.13"
