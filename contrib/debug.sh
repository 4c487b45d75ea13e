#!/bin/sh
# The debug build and its tests, run by `make debug`: bounds checks, line tracing, address and undefined-behaviour
# sanitizers.
#
#   debug.sh PYTHON VENV [PYTEST ARGUMENTS]
#
# It is built in build/debug, from a copy of the sources, beside the ordinary build. Python itself is not sanitized: the
# sanitizer's library is loaded before it, and leaks are not looked for, since an interpreter leaves much behind.
set -eu
python=$1 venv=$2
shift 2
contrib/bootstrap.sh "$python" "$venv" test
venv=$(cd "$venv" && pwd)
copy=$(pwd)/build/debug

# Only what changed is copied, so that only that is compiled again: a full build takes two minutes.
mkdir -p "$copy"
for part in *; do
    case $part in build | dist | *.egg-info) continue ;; esac
    find "$part" -type f ! -name '*.so' ! -name '*.c' ! -path '*/__pycache__/*' -exec sh -c '
        copy=$1
        shift
        for file; do
            cmp -s "$file" "$copy/$file" && continue
            mkdir -p "$copy/$(dirname "$file")"
            cp -p "$file" "$copy/$file"
        done' sh "$copy" {} +
done
cd "$copy"
: >>README.md
find vrrpcore pyvrrp tests -type f \( -name '*.py' -o -name '*.py[xi]' -o -name '*.pxd' \) | while read -r file; do
    [ -e "../../$file" ] || rm "$file"
done
PYVRRP_BUILD=debug "$venv/bin/python" setup.py -q build_ext --inplace -j "$(nproc)" >build.log 2>&1 || {
    cat build.log >&2
    echo "the debug build failed; the log is in $copy/build.log" >&2
    exit 1
}

LD_PRELOAD=$("${CC:-gcc}" -print-file-name=libasan.so)
ASAN_OPTIONS=detect_leaks=0
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# Python's own allocator packs small objects together: a read behind a datagram's end would go unseen.
PYTHONMALLOC=malloc
PYTHONPATH=$copy
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS PYTHONMALLOC PYTHONPATH
"$venv/bin/python" -c '
import sys, vrrpcore.engine
sys.exit(0 if vrrpcore.engine.__file__.startswith(sys.argv[1]) else "the debug build is not what is imported")' "$copy"
# Arguments may be options alone. Tests that use nothing compiled would only be slow here.
names=no
for argument; do
    [ ! -e "${argument%%::*}" ] || names=yes
done
[ $names = yes ] ||
    set -- "$@" tests/fuzz $(grep -lE "vrrpcore|^from network import" tests/unit/test_*.py tests/property/test_*.py)
exec "$venv/bin/python" -m pytest -p no:cacheprovider "$@"
