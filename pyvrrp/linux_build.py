"""Builds pyvrrp._linux: the few Linux calls that the standard library lacks on Python 3.11 (cffi, API mode)."""

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(
    """
    int pyvrrp_setns(int fd, int nstype);
    int pyvrrp_unshare(int flags);
    """
)
ffibuilder.set_source(
    "pyvrrp._linux",
    """
    #define _GNU_SOURCE
    #include <errno.h>
    #include <sched.h>

    /* Both return 0 or a negative errno: ffi.errno is per thread, and this is plainer. */
    static int pyvrrp_setns(int fd, int nstype) { return setns(fd, nstype) ? -errno : 0; }
    static int pyvrrp_unshare(int flags) { return unshare(flags) ? -errno : 0; }
    """,
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
