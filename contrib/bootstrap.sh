#!/bin/sh
# Make the virtual environment and build the extensions in place. Run by `make`; safe to run again.
#
#   bootstrap.sh PYTHON VENV EXTRAS...
#
# What a build needs beyond python3 (venv, headers, a C compiler) is installed as root on Debian and Ubuntu; elsewhere
# the one line that installs it is printed.
set -eu
python=$1 venv=$2
shift 2

missing=""
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
"$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    missing="$missing python3-dev"
command -v "${CC:-gcc}" >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
if [ -n "$missing" ]; then
    line="apt-get update && apt-get install -y$missing"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing$missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q && apt-get install -q -y --no-install-recommends $missing
    else
        echo "pyvrrp cannot be built yet; run this as root, then make again:" >&2
        echo "    $line" >&2
        exit 1
    fi
fi

if [ ! -x "$venv/bin/python" ]; then
    echo "creating $venv"
    "$python" -m venv "$venv"
fi
want=$(cat pyproject.toml setup.py | cksum)-$*
stamp="$venv/.pyvrrp-$(echo "$*" | tr -c 'a-z\n' _)"
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    echo "installing the build tools and what pyvrrp depends on"
    "$venv/bin/pip" install -q --disable-pip-version-check "setuptools>=77" "cython>=3.1" "cffi>=1.17"
    # The extensions are built below, on every core; pip would build them once more, one after the other.
    extras=$(echo "$*" | tr ' ' ,)
    PYVRRP_BUILD=none "$venv/bin/pip" install -q --disable-pip-version-check --no-build-isolation \
        -e ".${extras:+[$extras]}"
    echo "$want" >"$stamp"
fi
"$venv/bin/python" setup.py -q build_ext --inplace -j "$(nproc)" >"$venv/build.log" 2>&1 || {
    cat "$venv/build.log" >&2
    echo "the build failed; the log is in $venv/build.log" >&2
    exit 1
}
