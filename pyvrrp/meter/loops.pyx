# cython: language_level=3, cdivision=True
"""What is too short to be timed from Python: sending and receiving, ours and plain, timed inside.

All times are nanoseconds of CPU time of the calling thread, the kernel's work for it included: what else the machine
does is not counted. Ours goes through the Engine and the Reactor as a daemon's adverts do, but for the sleep. Plain is
the yardstick: the same datagrams through the same sockets and calls, with headers that were written once on one side,
and nothing looked at on the other.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from vrrpcore.consts cimport VRRP_TTL
from vrrpcore.counters cimport TOTAL_DATAGRAMS_RECEIVED, TOTAL_DATAGRAMS_SENT
from vrrpcore.engine cimport Engine
from vrrpcore.rawio cimport RX_BATCH, TX_BATCH, Receiver, Sender, monotonic_ns
from vrrpcore.reactor cimport Reactor
from vrrpcore.vr cimport ST_MASTER

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *out)
    enum:
        CLOCK_THREAD_CPUTIME_ID

cdef enum:
    EXPIRE_MAX = 2048               # timers in one turn of the reactor
    IP_HEADER_LEN_MIN = 20
    OFF_VRID = 1                    # in the message, RFC 9568 s5.1
    MESSAGE_LEN_MIN = 8
    VRIDS = 256

BATCH = TX_BATCH


cdef int64_t cpu_ns() noexcept nogil:
    cdef timespec ts
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts)
    return <int64_t>ts.tv_sec * 1000000000 + ts.tv_nsec


def advert_turns(reactor: Reactor, turns: int, interval_ns: int) -> tuple:
    """Let every MASTER's Adver_Timer fire `turns` times and send what that asks for; (ns, datagrams sent).

    Each turn is one interval of virtual time, so that batches are full: everything but the sleep is there.
    """
    cdef Reactor shell = reactor
    cdef Engine engine = shell.engine
    cdef int64_t now_ns = monotonic_ns()
    cdef int64_t step_ns = interval_ns
    cdef uint64_t sent = engine.total[TOTAL_DATAGRAMS_SENT]
    cdef int _k, n = turns
    cdef uint32_t i
    for i in range(engine.table.capacity):
        if engine.table.vrs[i].state == ST_MASTER and engine.table.vrs[i].nominal_ns > now_ns:
            now_ns = engine.table.vrs[i].nominal_ns
    cdef int64_t start_ns = cpu_ns()
    for _k in range(n):
        now_ns += step_ns
        while engine.expire(now_ns, EXPIRE_MAX) >= EXPIRE_MAX:
            pass
        shell._flush()
    start_ns = cpu_ns() - start_ns
    return start_ns, engine.total[TOTAL_DATAGRAMS_SENT] - sent


def read_domain(reactor: Reactor, domain: int) -> tuple:
    """Read and judge what waits in a domain's socket; (ns, datagrams received)."""
    cdef Reactor shell = reactor
    cdef uint64_t received = shell.engine.total[TOTAL_DATAGRAMS_RECEIVED]
    cdef uint32_t d = domain
    cdef int64_t start_ns = cpu_ns()
    shell._read(d)
    start_ns = cpu_ns() - start_ns
    return start_ns, shell.engine.total[TOTAL_DATAGRAMS_RECEIVED] - received


@cython.final
cdef class PlainSender:
    """A batch of datagrams whose headers were written once, for sendmmsg. IPv4, TTL 255."""

    cdef Sender _sender
    cdef list _kept                 # the bytes that the headers point at

    def __cinit__(self, ifindex: int, datagrams: list):
        """datagrams: (packed source, packed destination, VRRP message) of each, BATCH at most. Raises ValueError."""
        if not 0 < len(datagrams) <= TX_BATCH:
            raise ValueError(f"a batch is 1 to {TX_BATCH} datagrams")
        self._sender = Sender()
        self._kept = list(datagrams)
        for source, destination, message in self._kept:
            if len(source) != 4 or len(destination) != 4:
                raise ValueError("an IPv4 address has 4 bytes")
            self._sender.add_ipv4(message, len(message), source, destination, ifindex, VRRP_TTL)

    def send(self, fd: int, batches: int) -> tuple:
        """Send the batch so many times; (ns, datagrams sent). Raises OSError."""
        cdef int to = fd
        cdef int sent = 0
        cdef long left = batches
        cdef uint64_t total = 0
        cdef uint32_t first
        cdef int64_t start_ns = cpu_ns()
        with nogil:
            while left:
                first = 0
                while first < self._sender.count:
                    sent = self._sender.send(to, first)
                    if sent <= 0:
                        break
                    first += sent
                    total += sent
                if sent <= 0:
                    break
                left -= 1
        start_ns = cpu_ns() - start_ns
        if sent < 0:
            raise OSError(-sent, "sendmmsg")
        return start_ns, total


@cython.final
cdef class PlainReceiver:
    """Reads datagrams in batches and looks at none of them."""

    cdef Receiver _receiver

    def __cinit__(self):
        self._receiver = Receiver()

    def drain(self, fd: int) -> tuple:
        """Read until nothing waits; (ns, datagrams received)."""
        cdef int source = fd
        cdef int found
        cdef uint64_t total = 0
        cdef int64_t start_ns = cpu_ns()
        with nogil:
            while True:
                found = self._receiver.receive(source)
                if found > 0:
                    total += found
                if found < RX_BATCH:
                    break
        return cpu_ns() - start_ns, total


@cython.final
cdef class LastAdverts:
    """When the last advert of each Virtual Router arrived, by interface and VRID. IPv4."""

    cdef Receiver _receiver
    cdef int64_t *_last_ns          # [interface index * VRIDS + VRID], CLOCK_REALTIME; 0: none
    cdef uint32_t _interfaces

    def __cinit__(self, interfaces: int):
        """interfaces: indexes from there on are not looked at."""
        self._receiver = Receiver()
        self._interfaces = interfaces
        self._last_ns = <int64_t *>calloc(self._interfaces * VRIDS, sizeof(int64_t))
        if self._last_ns == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._last_ns)

    def read(self, fd: int) -> None:
        """Note what waits in a raw socket that the kernel stamps for. Never waits."""
        cdef int source = fd
        cdef int found, k
        cdef size_t header_len
        cdef const uint8_t *data
        with nogil:
            while True:
                found = self._receiver.receive(source)
                for k in range(found):
                    data = self._receiver.items[k].data
                    if self._receiver.items[k].length < IP_HEADER_LEN_MIN:
                        continue
                    header_len = (data[0] & 0x0F) * 4
                    if self._receiver.items[k].length < header_len + MESSAGE_LEN_MIN:
                        continue
                    if self._receiver.items[k].ifindex >= self._interfaces:
                        continue
                    self._last_ns[self._receiver.items[k].ifindex * VRIDS + data[header_len + OFF_VRID]] = (
                        self._receiver.items[k].realtime_ns)
                if found < RX_BATCH:
                    break

    def at_ns(self, ifindex: int, vrid: int) -> int:
        """When the last advert came, in nanoseconds of CLOCK_REALTIME; 0: none did. Raises IndexError."""
        if not (0 <= ifindex < self._interfaces and 0 <= vrid < VRIDS):
            raise IndexError(f"no interface {ifindex} or VRID {vrid}")
        return self._last_ns[<uint32_t>ifindex * VRIDS + <uint32_t>vrid]
