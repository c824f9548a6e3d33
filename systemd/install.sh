#!/bin/sh
# Puts the gateway into a Debian system, and takes it out again; called by `make install` and
# `make uninstall`.
#
#     install.sh install      everything
#     install.sh files        all but the program: units, rules, an example
#     install.sh uninstall    all of it, but no configuration and no journal
#
# From the environment:
#     PREFIX    where the program goes, a virtual environment of its own; /opt/gateway
#     DESTDIR   a folder that stands for /, to look at it first or to make a package; then nothing
#               is asked of the running system
#     PYTHON    makes the virtual environment; python3
#
# What is replaced and differs is kept beside it as NAME.~1~, which nothing reads. What stands in
# /etc/gateway is the user's, and is never touched.
set -eu

PREFIX=${PREFIX:-/opt/gateway}
DESTDIR=${DESTDIR:-}
PYTHON=${PYTHON:-python3}
here=$(cd "$(dirname "$0")/.." && pwd)
root=$DESTDIR
mark=$root$PREFIX/installed-by-gateway  # what may be removed as a whole
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT

fail() { echo "install: $1" >&2; exit 2; }

# Every file, and where it goes; our own folders of /usr/local are searched by all of systemd, and a
# file of the same name below /etc goes before them.
files() {
    lib=/usr/local/lib
    echo "udev/70-gateway-serial.rules    $lib/udev/rules.d/70-gateway-serial.rules"
    echo "udev/70-gateway-can.rules       $lib/udev/rules.d/70-gateway-can.rules"
    echo "systemd/gateway@.service        $lib/systemd/system/gateway@.service"
    echo "systemd/sysusers.conf           $lib/sysusers.d/gateway.conf"
    echo "systemd/sysctl.conf             $lib/sysctl.d/70-gateway.conf"
    echo "systemd/packet-ring.conf        $PREFIX/share/gateway/packet-ring.conf"
    for each in can0.network can0-fd.network vcan0.netdev vcan0.network; do
        echo "systemd/network/$each       $PREFIX/share/gateway/network/$each"
    done
    echo "docs/raspberry-pi.md            $PREFIX/share/gateway/raspberry-pi.md"
}

# render SOURCE: the file as it is to be installed, in $rendered
render() { sed "s|/opt/gateway|$PREFIX|g" "$here/$1" > "$rendered"; }

put() {  # put SOURCE TARGET
    render "$1"
    if [ -e "$root$2" ] && cmp -s "$rendered" "$root$2"; then return; fi
    [ ! -e "$root$2" ] || echo "$2: differs, kept as $(basename "$2").~N~"
    install -D -m 644 --backup=numbered "$rendered" "$root$2"
}

take() {  # take SOURCE TARGET
    [ -e "$root$2" ] || return 0
    render "$1"
    if cmp -s "$rendered" "$root$2"; then rm "$root$2"
    else
        echo "$2: was changed, kept as $(basename "$2").~N~"
        # mv makes no backup of what it moves: the new name is one that no other file has.
        n=1; while [ -e "$root$2.~$n~" ]; do n=$((n + 1)); done
        mv "$root$2" "$root$2.~$n~"
    fi
}

put_files() {
    files | while read -r source target; do put "$source" "$target"; done
    if [ ! -e "$root/etc/gateway/example.toml" ]; then
        install -D -m 644 "$here/systemd/example.toml" "$root/etc/gateway/example.toml"
    fi
}

put_program() {
    if [ -e "$root$PREFIX" ] && [ ! -e "$mark" ] && [ -n "$(ls -A "$root$PREFIX")" ]; then
        fail "$PREFIX: got a folder with something else in it, expected none or an earlier installation"
    fi
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$PYTHON: too old, expected Python 3.11 or newer (make install PYTHON=python3.11)"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's venv module is missing: sudo apt install python3-venv"
    "$PYTHON" -m venv "$root$PREFIX"
    touch "$mark"
    "$root$PREFIX/bin/python" -m pip install --quiet --disable-pip-version-check \
        --root-user-action=ignore --upgrade "$here"
    if [ -n "$root" ]; then
        # The scripts name the interpreter by the path that it has now; it will have another.
        grep -rlIF "$root" "$root$PREFIX/bin" "$root$PREFIX/pyvenv.cfg" | xargs -r sed -i "s|$root||g"
    fi
    for program in gateway firmware-sim; do
        link=$root/usr/local/bin/$program
        if [ -e "$link" ] && [ ! -L "$link" ]; then
            echo "/usr/local/bin/$program: is there already, left alone"
        else
            mkdir -p "$root/usr/local/bin"
            ln -sfn "$PREFIX/bin/$program" "$link"
        fi
    done
}

tell_system() {  # what is new, to whoever reads it; only where systemd runs
    [ -z "$root" ] && [ -d /run/systemd/system ] || return 0
    if [ -e /usr/local/lib/sysusers.d/gateway.conf ]; then
        systemd-sysusers gateway.conf
        # The service would make it at its first start; `gateway check` looks for it before that.
        install -d -o gateway -g gateway /var/lib/gateway
        sysctl --quiet --load /usr/local/lib/sysctl.d/70-gateway.conf
    fi
    systemctl daemon-reload
    udevadm control --reload
    udevadm trigger --subsystem-match=tty
    # Not all of them: what an "add" does to other interfaces is not ours to cause.
    for interface in /sys/class/net/*; do
        if [ "$(cat "$interface/type")" = 280 ]; then udevadm trigger --action=add "$interface"; fi
    done
}

stop_services() {
    [ -z "$root" ] && [ -d /run/systemd/system ] || return 0
    for unit in /etc/systemd/system/*.wants/gateway@*.service; do
        [ ! -L "$unit" ] || systemctl --quiet disable "$(basename "$unit")"
    done
    systemctl stop 'gateway@*.service'
}

take_all() {
    stop_services
    files | while read -r source target; do take "$source" "$target"; done
    for program in gateway firmware-sim; do
        link=$root/usr/local/bin/$program
        if [ "$(readlink "$link")" = "$PREFIX/bin/$program" ]; then rm "$link"; fi
    done
    if [ -e "$mark" ]; then rm -rf "$root$PREFIX"; fi
    tell_system
    echo "left alone: /etc/gateway, /var/lib/gateway, and the user gateway"
}

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then fail "this changes the system: sudo make $1"; fi
case ${1:-} in
    files) put_files; tell_system ;;
    install)
        put_program
        put_files
        tell_system
        echo "installed into $PREFIX; next: sudo cp /etc/gateway/example.toml /etc/gateway/car.toml,"
        echo "edit it, gateway doctor /etc/gateway/car.toml, sudo systemctl enable --now gateway@car" ;;
    uninstall) take_all ;;
    *) fail "expected install, files or uninstall" ;;
esac
