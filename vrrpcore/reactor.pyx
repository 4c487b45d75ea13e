# cython: language_level=3, cdivision=True
"""One Engine on real sockets, behind one descriptor.

The descriptor is an epoll set that holds all receive sockets, one timer and a watch on the wall clock. An event loop
watches that descriptor and calls run(). A turn receives, then expires timers, then sends: an advert that has arrived is
always heard before the timer that its absence would fire. All of it runs without the GIL and touches no Python object.

Three habits keep it cheap and honest:
- After a read a socket rests for RX_REST_NS: without that a busy receiver wakes for every few datagrams. The kernel's
  arrival times keep the deadlines exact all the same.
- Master_Down_Timer counts from the kernel's arrival time. It fires only once its queue was seen empty, so neither a
  flood nor a late turn can trigger it.
- A turn that came late, or a receive buffer that overflowed, was not silence: the engine listens again before it acts.
  Nor was a pause of the machine, which stops CLOCK_MONOTONIC: each turn compares it with CLOCK_BOOTTIME.

One thread at a time may use a Reactor.
"""

cimport cython
from libc.errno cimport EAGAIN, ENODEV
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from vrrpcore.consts cimport FAMILY_IPV4, FAMILY_IPV6
from vrrpcore.counters cimport (
    BATCH_BUCKETS,
    TOTAL_CLOCK_STEPS,
    TOTAL_DATAGRAMS_RECEIVED,
    TOTAL_DATAGRAMS_SENT,
    TOTAL_RECEIVE_BATCH,
    TOTAL_RECEIVE_BATCHES,
    TOTAL_RECEIVE_DROPS,
    TOTAL_SEND_BATCH,
    TOTAL_SEND_BATCHES,
    TOTAL_SEND_ERRORS,
    TOTAL_TURNS,
    bucket,
    count_turn_late,
)
from vrrpcore.hearing cimport heard_t
from vrrpcore.limits cimport (
    DATAGRAM_TRUESIZE,
    EXPIRE_TURN_MAX,
    RCVBUF_MAX,
    RCVBUF_MIN,
    RCVBUF_SECONDS,
    RX_REST_NS,
    RX_TURN_MAX,
    STALL_NS_MIN,
)
from vrrpcore.outbox cimport TX_FRAME, tx_t
from vrrpcore.packet cimport DROP_IP_LENGTH, DROP_NONE, ipv4_unwrap, rx_meta_t
from vrrpcore.rawio cimport (
    RX_BATCH,
    TX_BATCH,
    boottime_ns,
    clock_step_noticed,
    clock_step_open,
    datagram_t,
    descriptor_close,
    epoll_again,
    epoll_open,
    epoll_ready,
    epoll_watch,
    monotonic_ns,
    realtime_ns,
    socket_drops,
    timer_open,
    timer_set,
)
from vrrpcore.stall cimport relisten

from vrrpcore import rawio

cdef enum:
    READY_BATCH = 64
    NUMBER_TIMER = 0xFFFFFFFF       # epoll's numbers are domains, but for these two
    NUMBER_CLOCK = 0xFFFFFFFE


@cython.final
cdef class Reactor:
    """Engine, sockets and clock in one."""

    def __cinit__(self):
        self._epoll_fd = self._timer_fd = self._clock_fd = -1
        self._armed_ns = self._due_ns = -1
        self.engine = Engine()
        cdef int64_t now_ns = monotonic_ns()
        self.engine.advance(now_ns)             # the wheel starts at the clock, not at 0
        self._paused_ns = boottime_ns() - now_ns
        self._receiver = Receiver()
        self._sender = Sender()
        self._frame_sockets = []
        self._sockets = []
        self._namespaces = []
        self._members = {}
        self._epoll_fd = epoll_open()
        self._timer_fd = timer_open()
        self._clock_fd = clock_step_open()
        epoll_watch(self._epoll_fd, self._timer_fd, NUMBER_TIMER, False)
        epoll_watch(self._epoll_fd, self._clock_fd, NUMBER_CLOCK, False)

    def __dealloc__(self):
        self._close_fds()
        free(self._ports)
        free(self._resting)

    # ---- sockets

    def open_namespace(self) -> int:
        """Open what the calling thread's network namespace needs once; return the namespace's number.

        Raises OSError: without NET_RAW, or out of descriptors; ValueError when the reactor is closed.
        """
        if self._epoll_fd < 0:
            raise ValueError("the reactor is closed")
        self._frame_sockets.append(rawio.open_frame_sender())
        return len(self._frame_sockets) - 1

    def close_namespace(self, namespace: int) -> None:
        """Close all that was opened in a namespace. Its domains stay, deaf and mute, until reopen_domain().

        The routers of those domains belong into FAULT first. Raises IndexError.
        """
        if not 0 <= namespace < len(self._frame_sockets):
            raise IndexError(f"no namespace {namespace}")
        cdef port_t *port
        for domain in range(self._port_count):
            if self._namespaces[domain] != namespace:
                continue
            port = &self._ports[domain]
            port.rx_fd = port.tx_fd = port.frame_fd = -1
            receiver, sender = self._sockets[domain]
            receiver.close()                # which takes it out of the epoll set
            sender.close()
            self._sockets[domain] = None
            self._namespaces[domain] = None
            for key in [key for key in self._members if key[0] == domain]:
                del self._members[key]
        self._frame_sockets[namespace].close()

    def open_domain(self, namespace, family: int) -> int:
        """Open the two sockets of an address family in the calling thread's network namespace; return the domain.

        namespace: what open_namespace() returned, in the same network namespace; None makes a domain without sockets,
        for reopen_domain(). Raises OSError, IndexError, ValueError.
        """
        if family not in (FAMILY_IPV4, FAMILY_IPV6):
            raise ValueError(f"family {family} is neither 4 nor 6")
        if namespace is not None and not 0 <= namespace < len(self._frame_sockets):
            raise IndexError(f"no namespace {namespace}")
        if self.engine.domains.count != self._port_count or self._epoll_fd < 0:
            raise ValueError("domains were added to the engine without sockets, or the reactor was closed")
        self._reserve_port()
        cdef port_t *port = &self._ports[self._port_count]
        memset(port, 0, sizeof(port_t))
        port.rx_fd = port.tx_fd = port.frame_fd = -1
        port.family = family
        sockets = None if namespace is None else self._open_sockets(self._port_count, namespace, family)
        domain = self.engine.add_domain(family)
        self._port_count += 1
        self._sockets.append(sockets)
        self._namespaces.append(namespace)
        return domain

    def reopen_domain(self, domain: int, namespace: int) -> None:
        """Give a domain without sockets those of a namespace, which the calling thread is in.

        Raises OSError, IndexError, ValueError.
        """
        self._check_domain(domain)
        if self._sockets[domain] is not None:
            raise ValueError(f"domain {domain} has its sockets")
        self._sockets[domain] = self._open_sockets(domain, namespace, self._ports[domain].family)
        self._namespaces[domain] = namespace

    def _open_sockets(self, domain: int, namespace: int, family: int):
        """Open receiver and sender of a domain, and have the receiver watched."""
        if not 0 <= namespace < len(self._frame_sockets):
            raise IndexError(f"no namespace {namespace}")
        receiver = rawio.open_receiver(family)
        try:
            sender = rawio.open_sender(family)
            try:
                epoll_watch(self._epoll_fd, receiver.fileno(), domain, True)
            except BaseException:
                sender.close()
                raise
        except BaseException:
            receiver.close()
            raise
        cdef port_t *port = &self._ports[domain]
        port.rx_fd = receiver.fileno()
        port.tx_fd = sender.fileno()
        port.frame_fd = self._frame_sockets[namespace].fileno()
        port.drops_seen = 0
        return receiver, sender

    cdef int _reserve_port(self) except -1:
        """Make room for one domain more."""
        cdef uint32_t d
        cdef uint32_t *resting
        cdef port_t *ports = <port_t *>realloc(self._ports, (self._port_count + 1) * sizeof(port_t))
        if ports == NULL:
            raise MemoryError
        self._ports = ports
        # The ring is laid out anew, in order, so that it can be larger.
        resting = <uint32_t *>malloc((self._port_count + 1) * sizeof(uint32_t))
        if resting == NULL:
            raise MemoryError
        for d in range(self._resting_count):
            resting[d] = self._resting[(self._resting_head + d) % self._ring_size]
        free(self._resting)
        self._resting = resting
        self._resting_head = 0
        self._ring_size = self._port_count + 1
        return 0

    def expect_adverts(self, domain: int, adverts_per_s: float) -> bool:
        """Size a domain's receive buffer for what is expected to arrive; say whether the kernel allowed it.

        Raises IndexError, ValueError for a domain without sockets.
        """
        self._check_open(domain)
        wanted = int(adverts_per_s * RCVBUF_SECONDS * DATAGRAM_TRUESIZE)
        wanted = min(max(wanted, <int>RCVBUF_MIN), <int>RCVBUF_MAX)
        return rawio.size_receive_buffer(self._sockets[domain][0], wanted)

    def join(self, domain: int, ifindex: int, group: bytes) -> None:
        """Hear a multicast group on an interface. Counted: as many leave() end it.

        Raises OSError: ENOBUFS beyond net.ipv4.igmp_max_memberships, ENODEV without the interface; IndexError;
        ValueError for a domain without sockets.
        """
        self._check_open(domain)
        key = (domain, ifindex, group)
        if key not in self._members:
            rawio.join_group(self._sockets[domain][0], self._ports[domain].family, ifindex, group)
        self._members[key] = self._members.get(key, 0) + 1

    def leave(self, domain: int, ifindex: int, group: bytes) -> None:
        """Undo one join(). Raises IndexError."""
        self._check_domain(domain)
        key = (domain, ifindex, group)
        count = self._members.pop(key, 0)
        if count > 1:
            self._members[key] = count - 1
        elif count == 1:
            rawio.leave_group(self._sockets[domain][0], self._ports[domain].family, ifindex, group)

    def forget_interface(self, ifindex: int, *, namespace: int = 0) -> None:
        """An interface of a namespace is gone, and its memberships with it: the kernel may use the index again."""
        for key in list(self._members):
            if key[1] == ifindex and self._namespaces[key[0]] == namespace:
                del self._members[key]

    def fileno(self) -> int:
        """Return the descriptor to watch for reading: it is ready when run() has something to do."""
        return self._epoll_fd

    def close(self) -> None:
        """Close every descriptor. The engine stays readable."""
        for sockets in self._sockets:
            for descriptor in sockets or ():
                descriptor.close()
        for frames in self._frame_sockets:
            frames.close()
        self._close_fds()
        self._sockets.clear()
        self._frame_sockets.clear()
        self._members.clear()
        self._port_count = 0
        self._resting_count = 0

    cdef void _close_fds(self) noexcept:
        cdef int fd
        for fd in (self._timer_fd, self._clock_fd, self._epoll_fd):
            if fd >= 0:
                descriptor_close(fd)
        self._epoll_fd = self._timer_fd = self._clock_fd = -1

    def _check_domain(self, domain) -> None:
        if not 0 <= domain < self._port_count:
            raise IndexError(f"no domain {domain}")

    def _check_open(self, domain) -> None:
        self._check_domain(domain)
        if self._sockets[domain] is None:
            raise ValueError(f"domain {domain} has no sockets now")

    # ---- turns

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC, in nanoseconds: the clock of all that this reactor does."""
        return monotonic_ns()

    def run(self, limit: int = EXPIRE_TURN_MAX) -> int:
        """Take one turn: receive, expire at most `limit` timers, send. Return how many events wait.

        Raises ValueError when the reactor is closed.
        """
        if self._epoll_fd < 0:
            raise ValueError("the reactor is closed")
        cdef size_t timers = limit
        with nogil:
            self._turn(timers)
        return self.engine.events.waiting()

    def flush(self) -> None:
        """Send what the engine has queued, and set the timer: after a caller changed something."""
        if self._epoll_fd < 0:
            raise ValueError("the reactor is closed")
        with nogil:
            self._flush()
            self._set_timer(self.engine.wheel.next_deadline_ns())

    cdef void _turn(self, size_t limit) noexcept nogil:
        cdef int64_t now_ns = monotonic_ns()
        cdef int64_t next_ns
        cdef int64_t late_ns = 0
        cdef int64_t pause_ns = self._pause_ns(now_ns)
        cdef size_t fired
        cdef uint32_t d
        self.engine.tally(TOTAL_TURNS, 1)
        if self._due_ns >= 0 and now_ns > self._due_ns:
            late_ns = now_ns - self._due_ns
            count_turn_late(self.engine.total, late_ns)
        self.engine.notice_stall(late_ns, pause_ns, now_ns)
        self._due_ns = -1
        self.engine.domains.polled_ns = self._poll(now_ns)
        now_ns = monotonic_ns()
        fired = self.engine.expire(now_ns, limit)
        if self.engine.domains.look_count:
            # A Master_Down_Timer is due on a queue that was not seen empty since: look, then judge again.
            for d in range(self._port_count):
                if self.engine.domains.each[d].wants_look:
                    self.engine.domains.each[d].wants_look = 0
                    self._read(d)
            self.engine.domains.look_count = 0
            now_ns = monotonic_ns()
            fired = self.engine.expire(now_ns, limit)
        self._flush()
        if fired >= limit:
            next_ns = now_ns                # more is due: another turn at once, after others had theirs
        else:
            next_ns = self.engine.wheel.next_deadline_ns()
        self._set_timer(next_ns)

    cdef int64_t _pause_ns(self, int64_t now_ns) noexcept nogil:
        """For how long the machine stood still since the last look; 0 if not. now_ns: CLOCK_MONOTONIC, just read.

        The clocks differ by nothing else. But a thread that is interrupted between reading the one and the other sees
        the same; so the second look reads them the other way round, and shows too little rather than too much.
        """
        cdef int64_t pause_ns = boottime_ns() - now_ns - self._paused_ns
        if pause_ns < STALL_NS_MIN:
            return 0
        pause_ns = boottime_ns()
        pause_ns -= monotonic_ns() + self._paused_ns
        if pause_ns < STALL_NS_MIN:
            return 0
        self._paused_ns += pause_ns
        return pause_ns

    cdef int64_t _poll(self, int64_t now_ns) noexcept nogil:
        """Read every socket that is ready and does not rest; return when the others were seen idle."""
        cdef uint32_t numbers[READY_BATCH]
        cdef uint32_t d
        cdef int found, k
        while self._resting_count:
            d = self._resting[self._resting_head]
            if self._ports[d].rests_until_ns > now_ns:
                break
            self._resting_head = (self._resting_head + 1) % self._ring_size
            self._resting_count -= 1
            self._ports[d].rests_until_ns = 0
            self.engine.domains.each[d].is_idle = 1
            if self._ports[d].rx_fd >= 0:
                epoll_again(self._epoll_fd, self._ports[d].rx_fd, d)
        now_ns = monotonic_ns()
        self._clock_stepped = False
        while True:
            found = epoll_ready(self._epoll_fd, numbers, READY_BATCH)
            for k in range(found):
                if numbers[k] == NUMBER_CLOCK and clock_step_noticed(self._clock_fd):
                    self._clock_stepped = True
                    self.engine.tally(TOTAL_CLOCK_STEPS, 1)
            for k in range(found):
                if numbers[k] < self._port_count:
                    self._read(numbers[k])
            if found < READY_BATCH:
                return now_ns

    cdef void _read(self, uint32_t d) noexcept nogil:
        """Read a socket until it is empty, or to the bound of a turn; then let it rest."""
        cdef port_t *port = &self._ports[d]
        cdef int64_t before_ns, after_ns, offset_ns
        cdef int found
        cdef size_t left = RX_TURN_MAX
        cdef uint32_t drops
        if port.rx_fd < 0:
            self.engine.domains.each[d].heard_until_ns = monotonic_ns()
            return
        self.engine.domains.each[d].is_idle = 0
        while left:
            before_ns = monotonic_ns()
            found = self._receiver.receive(port.rx_fd)
            if found <= 0:
                # Empty; or an error of the socket, which reading has cleared.
                if found == -EAGAIN or found == 0:
                    self.engine.domains.each[d].heard_until_ns = before_ns
                    break
                left -= 1
                continue
            self.engine.tally(TOTAL_RECEIVE_BATCHES, 1)
            self.engine.tally(TOTAL_DATAGRAMS_RECEIVED, found)
            self.engine.tally(TOTAL_RECEIVE_BATCH + bucket(found, BATCH_BUCKETS), 1)
            after_ns = monotonic_ns()
            offset_ns = after_ns - realtime_ns()
            self._hear(d, found, after_ns, offset_ns)
            if found < RX_BATCH:
                self.engine.domains.each[d].heard_until_ns = before_ns
                break
            left -= 1
        drops = socket_drops(port.rx_fd)
        if drops != port.drops_seen:
            # The queue keeps the oldest datagrams: the newest adverts may be among the lost.
            self.engine.tally(TOTAL_RECEIVE_DROPS, <uint32_t>(drops - port.drops_seen))
            port.drops_seen = drops
            after_ns = monotonic_ns()
            relisten(self.engine.table, self.engine.machine, d, 0x7FFFFFFFFFFFFFFF, after_ns)
        self._rest(d, monotonic_ns())

    cdef void _hear(self, uint32_t d, int found, int64_t now_ns, int64_t offset_ns) noexcept nogil:
        """Give datagrams to the engine, each with the kernel's arrival time on our clock."""
        cdef heard_t batch[RX_BATCH]
        cdef rx_meta_t *rx
        cdef datagram_t *item
        cdef heard_t *heard
        cdef size_t count = 0
        cdef int k
        cdef int drop
        cdef int64_t arrival_ns = 0
        cdef int64_t earliest_ns = self.engine.domains.each[d].heard_until_ns
        for k in range(found):
            item = &self._receiver.items[k]
            heard = &batch[count]
            rx = &heard.rx
            arrival_ns = item.realtime_ns + offset_ns
            if item.realtime_ns == 0 or self._clock_stepped or arrival_ns > now_ns:
                arrival_ns = now_ns
            elif arrival_ns < earliest_ns:
                arrival_ns = earliest_ns
            rx.arrival_ns = arrival_ns
            rx.domain = d
            rx.ifindex = item.ifindex
            if item.is_truncated:
                self.engine.domains.count_drop(d, DROP_IP_LENGTH)
                continue
            if self._ports[d].family == FAMILY_IPV4:
                drop = ipv4_unwrap(item.data, item.length, rx, &heard.message, &heard.length)
                if drop != DROP_NONE:
                    self.engine.domains.count_drop(d, drop)
                    continue
            else:
                heard.message = item.data
                heard.length = item.length
                rx.family = FAMILY_IPV6
                rx.ttl = item.ttl
                memcpy(rx.src, item.src, 16)
                memcpy(rx.dst, item.dst, 16)
                rx.multicast = rx.dst[0] == 0xFF
            count += 1
        self.engine.hearing.receive(batch, count)
        # More may wait. The queue is in order of arrival, so all that came before the last of these has been heard; not
        # if that arrival is only our guess.
        item = &self._receiver.items[found - 1]
        if found == RX_BATCH and item.realtime_ns != 0 and not self._clock_stepped:
            self.engine.domains.each[d].heard_until_ns = arrival_ns

    cdef void _rest(self, uint32_t d, int64_t now_ns) noexcept nogil:
        """Do not watch a domain's socket for a while; a socket that rests already goes on resting."""
        if self._ports[d].rests_until_ns:
            return
        self._ports[d].rests_until_ns = now_ns + RX_REST_NS
        self._resting[(self._resting_head + self._resting_count) % self._ring_size] = d
        self._resting_count += 1

    cdef void _flush(self) noexcept nogil:
        """Send the engine's batch, in its order, as many datagrams to a call as go through one socket."""
        cdef size_t k = 0, first
        cdef uint32_t done, domain
        cdef uint8_t kind
        cdef int fd, sent, j
        cdef tx_t *tx
        while k < self.engine.outbox.count:
            first = k
            domain = self.engine.outbox.tx[k].domain
            if domain >= self._port_count or self._ports[domain].tx_fd < 0:
                # The engine was given a domain that has no sockets, or has them no more.
                self.engine.send_failed(self.engine.outbox.tx[k].vr, ENODEV, monotonic_ns())
                self.engine.tally(TOTAL_SEND_ERRORS, 1)
                k += 1
                continue
            kind = self.engine.outbox.tx[k].kind
            fd = self._ports[domain].frame_fd if kind == TX_FRAME else self._ports[domain].tx_fd
            self._sender.reset()
            while k < self.engine.outbox.count and self._sender.count < TX_BATCH:
                tx = &self.engine.outbox.tx[k]
                if tx.domain != domain or tx.kind != kind:
                    break
                if kind == TX_FRAME:
                    self._sender.add_frame(tx.data, tx.length, tx.ifindex)
                elif self._ports[domain].family == FAMILY_IPV4:
                    self._sender.add_ipv4(tx.data, tx.length, tx.src, tx.dst, tx.ifindex, tx.ttl)
                else:
                    self._sender.add_ipv6(tx.data, tx.length, tx.src, tx.dst, tx.ifindex, tx.ttl)
                k += 1
            done = 0
            while done < self._sender.count:
                sent = self._sender.send(fd, done)
                self.engine.tally(TOTAL_SEND_BATCHES, 1)
                if sent <= 0:
                    self.engine.send_failed(self.engine.outbox.tx[first + done].vr, -sent, monotonic_ns())
                    self.engine.tally(TOTAL_SEND_ERRORS, 1)
                    done += 1
                    continue
                for j in range(sent):
                    tx = &self.engine.outbox.tx[first + done + j]
                    self.engine.table.tally(tx.vr, tx.counter)
                self.engine.tally(TOTAL_DATAGRAMS_SENT, sent)
                self.engine.tally(TOTAL_SEND_BATCH + bucket(sent, BATCH_BUCKETS), 1)
                done += sent
        self.engine.outbox.clear()

    cdef void _set_timer(self, int64_t deadline_ns) noexcept nogil:
        """Sleep until the next deadline or the next read of a resting socket."""
        cdef int64_t rest_ns, now_ns = monotonic_ns()
        if self._resting_count:
            rest_ns = self._ports[self._resting[self._resting_head]].rests_until_ns
            if deadline_ns < 0 or rest_ns < deadline_ns:
                deadline_ns = rest_ns
        # Setting it also takes back that it fired; what lies in the future needs no second call.
        if deadline_ns != self._armed_ns or 0 <= deadline_ns <= now_ns:
            timer_set(self._timer_fd, deadline_ns)
            self._armed_ns = deadline_ns
        # A turn that leaves work for the next one was no stall: that one is due now, unless it was before.
        if deadline_ns < 0 or deadline_ns > now_ns:
            self._due_ns = deadline_ns
        elif self._due_ns < 0 or self._due_ns > now_ns:
            self._due_ns = now_ns
