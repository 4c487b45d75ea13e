# cython: language_level=3, cdivision=True
"""What is too short to be timed from Python: loops around vrrpcore's C functions, timed inside.

Built for `make bench` alone, with the directives and flags of vrrpcore; not installed. Each function makes its calls
the way vrrpcore's own modules do, through another module's pointer, so nothing is inlined or left out that would not be
there in use. All of them return nanoseconds of CPU time for the whole loop: what else the machine does is not counted.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from vrrpcore.checksum cimport csum_add, csum_fold
from vrrpcore.consts cimport FAMILY_IPV4, VRRP_TTL
from vrrpcore.engine cimport Engine
from vrrpcore.hearing cimport heard_t
from vrrpcore.packet cimport (
    DROP_NONE,
    advert_decode,
    advert_encode,
    advert_form_t,
    advert_peek,
    advert_t,
    expect_t,
    rx_meta_t,
)
from vrrpcore.rawio cimport RX_BATCH, TX_BATCH
from vrrpcore.vr cimport TIMERS_PER_VR, vr_t
from vrrpcore.wheel cimport TimerWheel, wtimer_t

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *out)
    enum:
        CLOCK_THREAD_CPUTIME_ID

cdef enum:
    MESSAGE_LEN_MAX = 24
    DUE_MAX = 128               # timers taken at a time, as the engine does
    ORDERS = 3                  # in which a wheel's timers are taken: to arm, to move, to cancel

assert TX_BATCH == 64, "the yardsticks have the same batch"


cdef struct received_t:
    rx_meta_t rx
    size_t length
    uint8_t message[MESSAGE_LEN_MAX]


cdef int64_t cpu_ns() noexcept nogil:
    cdef timespec ts
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts)
    return <int64_t>ts.tv_sec * 1000000000 + ts.tv_nsec


def sizes() -> dict:
    """Bytes of what exists by the thousand."""
    return {"vr_t": sizeof(vr_t), "wtimer_t": sizeof(wtimer_t), "timers of a router": TIMERS_PER_VR * sizeof(wtimer_t)}


def checksum(data: bytes, calls: int) -> int:
    """Sum and fold `data`, again and again."""
    cdef const uint8_t *buf = data
    cdef size_t length = len(data)
    cdef size_t _k, n = calls
    cdef uint32_t found = 0
    cdef int64_t start_ns = cpu_ns()
    for _k in range(n):
        found += _checksum(buf, length)
    start_ns = cpu_ns() - start_ns
    assert found
    return start_ns


cdef extern from *:
    """
    #define BARRIER(buf) __asm__ volatile("" : : "r"(buf) : "memory")
    """
    void barrier "BARRIER"(const uint8_t *buf) noexcept nogil


cdef uint16_t _checksum(const uint8_t *buf, size_t length) noexcept nogil:
    # The bytes are read anew in each call, as in the yardstick.
    barrier(buf)
    return csum_fold(csum_add(buf, length, 0))


def encode(version: int, calls: int) -> int:
    """Encode one advert with one IPv4 address, again and again."""
    cdef advert_form_t form
    cdef uint8_t src[16]
    cdef uint8_t dst[16]
    cdef uint8_t buf[64]
    cdef size_t _k, n = calls, length = 0
    memset(&form, 0, sizeof(form))
    memset(src, 0, 16)
    memset(dst, 0, 16)
    memcpy(src, b"\xc0\x00\x02\x01", 4)
    memcpy(dst, b"\xe0\x00\x00\x12", 4)
    form.version = version
    form.family = FAMILY_IPV4
    form.vrid = 51
    form.priority = 100
    form.addr_count = 1
    form.max_adver_int_cs = 100
    form.addrs = b"\xc0\x00\x02\x64"
    cdef int64_t start_ns = cpu_ns()
    for _k in range(n):
        length += advert_encode(&form, src, dst, buf, sizeof(buf))
    start_ns = cpu_ns() - start_ns
    assert length == n * (20 if version == 2 else 12)
    return start_ns


cdef class Adverts:
    """Adverts as they were received, in a row; the Engine that hears them has a router for each."""

    cdef received_t *_items
    cdef size_t _count
    cdef expect_t _expect

    def __cinit__(self, adverts: list, version: int):
        """adverts: (ifindex, packed source, packed destination, message) of each; IPv4, TTL 255."""
        cdef received_t *item
        self._count = len(adverts)
        self._items = <received_t *>calloc(self._count, sizeof(received_t))
        if self._items == NULL:
            raise MemoryError
        for k, (ifindex, source, destination, message) in enumerate(adverts):
            item = &self._items[k]
            item.rx.ifindex = ifindex
            item.rx.family = FAMILY_IPV4
            item.rx.ttl = VRRP_TTL
            item.rx.multicast = destination[0] >> 4 == 0xE
            memcpy(item.rx.src, <const uint8_t *>source, 4)
            memcpy(item.rx.dst, <const uint8_t *>destination, 4)
            item.length = len(message)
            assert item.length <= MESSAGE_LEN_MAX
            memcpy(item.message, <const uint8_t *>message, item.length)
        self._expect.version = version
        self._expect.ttl_min = self._expect.ttl_max = VRRP_TTL
        self._expect.adver_int_s = 1 if version == 2 else 0

    def __dealloc__(self):
        free(self._items)

    def decode(self, rounds: int) -> int:
        """Check and decode all of them, `rounds` times."""
        cdef size_t k, _r, n = rounds, right = 0
        cdef received_t *item
        cdef advert_t advert
        cdef uint8_t vrid
        cdef int64_t start_ns = cpu_ns()
        for _r in range(n):
            for k in range(self._count):
                item = &self._items[k]
                right += (advert_peek(item.message, item.length, &vrid) == DROP_NONE and advert_decode(
                    item.message, item.length, &item.rx, &self._expect, &advert) == DROP_NONE)
        start_ns = cpu_ns() - start_ns
        assert right == self._count * n, f"{right} of {self._count * n} are right"
        return start_ns

    def receive(self, engine: Engine, arrival_ns: int) -> int:
        """Let an Engine hear all of them, as arrived at `arrival_ns`, in batches as the reactor reads them."""
        cdef Engine heard_by = engine
        cdef heard_t batch[RX_BATCH]
        cdef size_t first = 0, k, count
        cdef int64_t at_ns = arrival_ns
        cdef received_t *item
        cdef int64_t start_ns = cpu_ns()
        while first < self._count:
            count = min(<size_t>RX_BATCH, self._count - first)
            for k in range(count):
                item = &self._items[first + k]
                batch[k].rx = item.rx
                batch[k].rx.arrival_ns = at_ns
                batch[k].message = item.message
                batch[k].length = item.length
            heard_by.hearing.receive(batch, count)
            first += count
        return cpu_ns() - start_ns


cdef class Wheel:
    """A TimerWheel with timers to be armed, moved, cancelled and fired in random order."""

    cdef TimerWheel _wheel
    cdef uint32_t *_orders
    cdef int64_t *_after_ns
    cdef size_t _count
    cdef int64_t _now_ns

    def __cinit__(self, orders: list, after_ns: list):
        """orders: ORDERS times all timers, each in another order; after_ns: when each timer is due, from now."""
        self._count = len(after_ns)
        self._wheel = TimerWheel()
        self._wheel.reserve(self._count)
        self._orders = <uint32_t *>calloc(self._count * ORDERS, sizeof(uint32_t))
        self._after_ns = <int64_t *>calloc(self._count, sizeof(int64_t))
        if self._orders == NULL or self._after_ns == NULL:
            raise MemoryError
        for k, order in enumerate(orders):
            for j, i in enumerate(order):
                self._orders[k * self._count + j] = i
        for i, after in enumerate(after_ns):
            self._after_ns[i] = after
        self._now_ns = 1000 * 1000000000
        self._advance(self._now_ns)

    def __dealloc__(self):
        free(self._orders)
        free(self._after_ns)

    def arm(self, later_ns: int, order: int = 0) -> int:
        """Arm every timer, `later_ns` after its own time; one that is armed is moved."""
        cdef size_t k
        cdef uint32_t *timers = self._orders + self._count * <size_t>order
        cdef TimerWheel wheel = self._wheel
        cdef int64_t base_ns = self._now_ns + <int64_t>later_ns
        cdef int64_t start_ns = cpu_ns()
        for k in range(self._count):
            wheel.arm(timers[k], base_ns + self._after_ns[k])
        return cpu_ns() - start_ns

    def cancel(self, order: int = 0) -> int:
        """Cancel every timer."""
        cdef size_t k
        cdef uint32_t *timers = self._orders + self._count * <size_t>order
        cdef TimerWheel wheel = self._wheel
        cdef int64_t start_ns = cpu_ns()
        for k in range(self._count):
            wheel.disarm(timers[k])
        start_ns = cpu_ns() - start_ns
        assert len(wheel) == 0
        return start_ns

    def expire(self) -> int:
        """Sleep until the next deadline and fire what is due, until nothing is armed."""
        cdef uint32_t due[DUE_MAX]
        cdef TimerWheel wheel = self._wheel
        cdef size_t fired = 0, found
        cdef int64_t next_ns
        cdef int64_t start_ns = cpu_ns()
        while True:
            next_ns = wheel.next_deadline_ns()
            if next_ns < 0:
                break
            self._now_ns = next_ns
            found = wheel.advance(next_ns, due, DUE_MAX)
            fired += found
        start_ns = cpu_ns() - start_ns
        assert fired == self._count, f"{fired} of {self._count} fired"
        return start_ns

    cdef void _advance(self, int64_t now_ns) noexcept nogil:
        cdef uint32_t due[DUE_MAX]
        self._wheel.advance(now_ns, due, DUE_MAX)
