#!/bin/bash
# The foreign programs that the tests talk to, on Debian 12 as root:
#   from apt       mosquitto, mosquitto_pub/sub, mbpoll, socat, libmodbus and a C compiler for programs on it, ip
#   in a chroot    PostgreSQL 17 with TimescaleDB, which Debian 12 itself does not have
# Idempotent and quick the second time. Elsewhere it says what it cannot do and ends well: the tests that need
# the missing servers then skip with the reason (and fail where CI=true is set).
#
# HEADEND_SERVICES   directory for the chroot, default /var/cache/headend-services
set -euo pipefail

CACHE=${HEADEND_SERVICES:-/var/cache/headend-services}
PACKAGES=(mosquitto mosquitto-clients mbpoll socat libmodbus-dev gcc libc6-dev iproute2)
SUITE=trixie
ROOT=$CACHE/postgresql-17-timescaledb
RECIPE=1 # raise it when the chroot must be built anew

say() { echo "services: $*"; }

cannot() {
    say "CANNOT provide mosquitto, mbpoll, socat, libmodbus, gcc, TimescaleDB: $*" >&2
    exit 0
}

cannot_timescale() {
    say "CANNOT provide TimescaleDB: $*" >&2
    exit 0
}

[ "$(id -u)" = 0 ] || cannot "not root"
[ -r /etc/os-release ] || cannot "no /etc/os-release"
. /etc/os-release
[ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ] || cannot "this is ${PRETTY_NAME:-unknown}, the recipe is for Debian 12"

mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9 # two runs at once wait for each other

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

# Servers are started by the tests, on ports of their own, never by a package's post-install script.
without_service_start() {
    local policy=/usr/sbin/policy-rc.d made=0 status=0
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        made=1
    fi
    "$@" || status=$?
    if [ $made = 1 ]; then rm -f $policy; fi
    return $status
}

updated=0
install_packages() {
    local missing=() package
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    if [ ${#missing[@]} = 0 ]; then
        say "already installed: $*"
        return
    fi
    if [ $updated = 0 ]; then
        apt-get update -q
        updated=1
    fi
    without_service_start env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    say "installed: ${missing[*]}"
}

# The machine's own mirror with another suite's name; both styles of source lists.
suite_sources() {
    if [ -r /etc/apt/sources.list.d/debian.sources ]; then
        sed "s/\b$VERSION_CODENAME\b/$SUITE/g; s/\b$VERSION_CODENAME-/$SUITE-/g" /etc/apt/sources.list.d/debian.sources
    else
        grep -E '^deb ' /etc/apt/sources.list | sed "s/\b$VERSION_CODENAME\b/$SUITE/g; s/\b$VERSION_CODENAME-/$SUITE-/g"
    fi
}

# A container may forbid mknod; then there is no TimescaleDB, and we say so.
device() {
    local name=$1 minor=$2
    [ -c "$BUILD/dev/$name" ] || mknod -m 666 "$BUILD/dev/$name" c 1 "$minor" || {
        rm -rf --one-file-system "$BUILD"
        cannot_timescale "mknod is not permitted here, and a server needs /dev/$name in its chroot"
    }
}

build_chroot() {
    BUILD=$ROOT.new
    rm -rf --one-file-system "$BUILD"
    suite_sources | mmdebstrap --mode=root --variant=minbase --skip=output/dev \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --essential-hook='mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
        --include=postgresql-17,postgresql-17-timescaledb "$SUITE" "$BUILD" -
    # Neither /proc nor /dev/shm is mounted: the tests' server keeps its dynamic shared memory in its data directory.
    device null 3
    device zero 5
    device random 8
    device urandom 9
    chroot --userspec=postgres:postgres "$BUILD" env -i LANG=C.UTF-8 /usr/lib/postgresql/17/bin/postgres --version
    echo "$RECIPE" >"$BUILD/.headend-recipe"
    rm -rf --one-file-system "$ROOT"
    mv "$BUILD" "$ROOT"
}

install_packages "${PACKAGES[@]}"
if [ "$(cat "$ROOT/.headend-recipe" 2>/dev/null || true)" = "$RECIPE" ]; then
    say "already built: $ROOT"
else
    install_packages mmdebstrap debian-archive-keyring
    build_chroot
    say "built: $ROOT ($(du -sh "$ROOT" | cut -f1))"
fi
say "mosquitto: $(command -v mosquitto || echo /usr/sbin/mosquitto); TimescaleDB: $ROOT"
