"""The C yardsticks as one cffi module, `yardstick`, with the flags of the extensions."""

from pathlib import Path

from cffi import FFI

SOURCES = ("clock.c", "checksum.c", "send.c", "receive.c")      # clock.c is what the others begin with

ffibuilder = FFI()
ffibuilder.cdef("""
    int64_t checksum_loop(const uint8_t *buf, size_t length, long calls);
    int64_t send_loop(int fd, const uint8_t *messages, size_t length, const uint8_t *srcs, const uint8_t *dsts,
                      int different, unsigned ifindex, long count, int64_t pace_ns, const volatile int *stop,
                      long *sent);
    int64_t drain_loop(int fd, long *received);
    int64_t hear_loop(int fd, int64_t for_ns, long *received);
""")
ffibuilder.set_source(
    "yardstick",
    "\n".join((Path(__file__).parent / "c" / name).read_text() for name in SOURCES),
    extra_compile_args=["-O3"],
)
