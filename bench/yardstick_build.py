"""The C yardsticks, and the witness of a failover, as one cffi module, `yardstick`, with the extensions' flags."""

from pathlib import Path

from cffi import FFI

SOURCES = ("clock.c", "checksum.c", "send.c", "receive.c", "sleep.c", "witness.c")     # clock.c goes before all

ffibuilder = FFI()
ffibuilder.cdef("""
    int64_t checksum_loop(const uint8_t *buf, size_t length, long calls);
    int64_t send_loop(int fd, const uint8_t *messages, size_t length, const uint8_t *srcs, const uint8_t *dsts,
                      int different, unsigned ifindex, long count, int64_t pace_ns, const volatile int *stop,
                      long *sent);
    int64_t drain_loop(int fd, long *received);
    int64_t hear_loop(int fd, int64_t for_ns, long *received);
    struct wakeup { int64_t due_ns; int64_t late_ns; };
    long sleep_loop(int64_t interval_ns, struct wakeup *found, long room, const volatile int *stop);

    struct sighting { int64_t at_ns; uint8_t address[16]; uint32_t length; uint32_t ifindex; };
    long watch_addresses(int fd, struct sighting *found, long room, const volatile int *stop,
                         int64_t *longest_ns);
    long watch_arp(int fd, struct sighting *found, long room, const volatile int *stop);
    long watch_adverts(int fd, int64_t *last_ns, uint32_t interfaces, const volatile int *stop);
""")
ffibuilder.set_source(
    "yardstick",
    "\n".join((Path(__file__).parent / "c" / name).read_text() for name in SOURCES),
    extra_compile_args=["-O3"],
)
