#!/bin/sh
# The peers and witnesses that the tests run beside us: installed as root on Debian and Ubuntu, otherwise one line says
# which tests are left out.
set -eu
missing=""
command -v keepalived >/dev/null 2>&1 || [ -x /usr/sbin/keepalived ] || missing="$missing keepalived"
command -v tcpdump >/dev/null 2>&1 || [ -x /usr/bin/tcpdump ] || missing="$missing tcpdump"
command -v nft >/dev/null 2>&1 || [ -x /usr/sbin/nft ] || missing="$missing nftables"
command -v ip >/dev/null 2>&1 || [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || missing="$missing iproute2"
if [ "$(id -u)" != 0 ]; then
    echo "not root: the tests marked 'root' (network namespaces, a real keepalived) are left out; sudo make test runs them"
elif [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$missing for the tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # A daemon of the distribution's own must not start beside the tests.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get install -q -y --no-install-recommends $missing
elif [ -n "$missing" ]; then
    echo "not found:$missing; the tests that need them are left out"
fi
