# cython: language_level=3, cdivision=True
"""Sockets, recvmmsg and sendmmsg, timerfd, epoll: the only system calls of vrrpcore.

What the bytes mean is not known here.

Two raw sockets serve all routers of a namespace and family. One receives. One sends, with source address and interface
chosen per message (IP_PKTINFO, IPV6_PKTINFO): it has a filter that drops everything and the smallest receive buffer,
since a raw socket gets a copy of every datagram of its protocol. A packet socket per namespace sends GARP and NA.
"""

import errno
import os
import socket
from sys import byteorder as _byteorder

from libc.errno cimport EINTR
from libc.errno cimport errno as c_errno
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from vrrpcore.consts cimport (
    FAMILY_IPV4,
    NS_PER_S,
    VRRP_PROTOCOL,
    VRRP_TOS,
    VRRP_TTL,
)
from vrrpcore.limits cimport DATAGRAM_LEN_MAX, RCVBUF_MIN, SNDBUF_BYTES

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <linux/filter.h>
    #include <linux/if_packet.h>
    #include <linux/sock_diag.h>
    #include <netinet/in.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/socket.h>
    #include <sys/timerfd.h>
    #include <time.h>
    #include <unistd.h>

    /* Ancillary data is a chain of odd-sized records: reading and writing it is left to the C macros. */
    struct pv_control {
        long long realtime_ns;
        unsigned int ifindex;
        unsigned char ttl;
        unsigned char dst[16];
    };

    static void pv_read_control(struct msghdr *msg, struct pv_control *out)
    {
        memset(out, 0, sizeof *out);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec ts;
                memcpy(&ts, CMSG_DATA(c), sizeof ts);
                out->realtime_ns = (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
            } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo info;
                memcpy(&info, CMSG_DATA(c), sizeof info);
                out->ifindex = (unsigned int)info.ipi_ifindex;
            } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                struct in6_pktinfo info;
                memcpy(&info, CMSG_DATA(c), sizeof info);
                out->ifindex = info.ipi6_ifindex;
                memcpy(out->dst, &info.ipi6_addr, 16);
            } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
                int hops;
                memcpy(&hops, CMSG_DATA(c), sizeof hops);
                out->ttl = (unsigned char)hops;
            }
        }
    }

    static size_t pv_write_pktinfo4(void *control, const unsigned char *src, unsigned int ifindex)
    {
        struct cmsghdr *c = control;
        struct in_pktinfo info;
        memset(&info, 0, sizeof info);
        info.ipi_ifindex = (int)ifindex;
        memcpy(&info.ipi_spec_dst, src, 4);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }

    static size_t pv_write_pktinfo6(void *control, const unsigned char *src, unsigned int ifindex)
    {
        struct cmsghdr *c = control;
        struct in6_pktinfo info;
        info.ipi6_ifindex = ifindex;
        memcpy(&info.ipi6_addr, src, 16);
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }

    /* Behind `used` bytes of control data. */
    static size_t pv_write_ttl(unsigned char *control, size_t used, int ttl, int is_ipv6)
    {
        struct cmsghdr *c = (struct cmsghdr *)(control + used);
        c->cmsg_level = is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
        c->cmsg_type = is_ipv6 ? IPV6_HOPLIMIT : IP_TTL;
        c->cmsg_len = CMSG_LEN(sizeof ttl);
        memcpy(CMSG_DATA(c), &ttl, sizeof ttl);
        return used + CMSG_SPACE(sizeof ttl);
    }

    static size_t pv_pktinfo6_len(void)
    {
        return CMSG_SPACE(sizeof(struct in6_pktinfo));
    }

    static int pv_drop_everything(int fd)
    {
        struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
        struct sock_fprog program = { 1, &drop };
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ? -errno : 0;
    }

    static unsigned int pv_socket_drops(int fd)
    {
        unsigned int meminfo[SK_MEMINFO_VARS];
        socklen_t length = sizeof meminfo;
        memset(meminfo, 0, sizeof meminfo);
        if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, meminfo, &length))
            return 0;
        return meminfo[SK_MEMINFO_DROPS];
    }

    #ifndef TFD_TIMER_CANCEL_ON_SET
    #define TFD_TIMER_CANCEL_ON_SET (1 << 1)
    #endif

    /* A timer far away on the wall clock, cancelled by the kernel when that clock is set. */
    static int pv_arm_clock_step(int fd)
    {
        struct itimerspec far;
        memset(&far, 0, sizeof far);
        clock_gettime(CLOCK_REALTIME, &far.it_value);
        far.it_value.tv_sec += 10LL * 365 * 86400;
        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
    }
    """
    cdef struct pv_control:
        long long realtime_ns
        unsigned int ifindex
        unsigned char ttl
        unsigned char dst[16]
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct in_addr:
        uint32_t s_addr
    struct sockaddr_in:
        uint16_t sin_family
        in_addr sin_addr
    struct in6_addr:
        pass
    struct sockaddr_in6:
        uint16_t sin6_family
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    struct sockaddr_ll:
        unsigned short sll_family
        unsigned short sll_protocol
        int sll_ifindex
        unsigned char sll_halen
        unsigned char sll_addr[8]
    struct sockaddr_storage:
        pass
    struct timespec:
        long tv_sec
        long tv_nsec
    struct itimerspec:
        timespec it_interval
        timespec it_value
    union epoll_data_t:
        uint32_t u32
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    enum:
        AF_INET
        AF_INET6
        AF_PACKET
        MSG_DONTWAIT
        MSG_TRUNC
        CLOCK_BOOTTIME
        CLOCK_MONOTONIC
        CLOCK_REALTIME
        TFD_TIMER_ABSTIME
        TFD_NONBLOCK
        TFD_CLOEXEC
        EPOLLIN
        EPOLLONESHOT
        EPOLL_CTL_ADD
        EPOLL_CTL_MOD
        EPOLL_CLOEXEC
        ECANCELED
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, timespec *timeout) nogil
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) nogil
    int clock_gettime(int clock, timespec *out) nogil
    int timerfd_create(int clock, int flags) nogil
    int timerfd_settime(int fd, int flags, const itimerspec *new, itimerspec *old) nogil
    int epoll_create1(int flags) nogil
    int epoll_ctl(int epoll_fd, int op, int fd, epoll_event *event) nogil
    int epoll_wait(int epoll_fd, epoll_event *events, int limit, int timeout_ms) nogil
    ssize_t read(int fd, void *buf, size_t count) nogil
    int close(int fd) nogil
    void pv_read_control(msghdr *msg, pv_control *out) nogil
    size_t pv_write_pktinfo4(void *control, const uint8_t *src, unsigned int ifindex) nogil
    size_t pv_write_pktinfo6(void *control, const uint8_t *src, unsigned int ifindex) nogil
    size_t pv_write_ttl(uint8_t *control, size_t used, int ttl, int is_ipv6) nogil
    size_t pv_pktinfo6_len() nogil
    int pv_drop_everything(int fd) nogil
    unsigned int pv_socket_drops(int fd) nogil
    int pv_arm_clock_step(int fd) nogil

# What Python's socket module does not name.
cdef enum:
    OPT_IP_PKTINFO = 8
    OPT_IP_MTU_DISCOVER = 10
    OPT_IP_PMTUDISC_DONT = 0
    OPT_IP_MULTICAST_ALL = 49
    OPT_IPV6_MULTICAST_ALL = 29
    OPT_IPV6_FREEBIND = 78
    OPT_SO_TIMESTAMPNS = 35
    OPT_SO_SNDBUFFORCE = 32
    OPT_SO_RCVBUFFORCE = 33
    EPOLL_EVENTS = 64

cdef struct rx_slot_t:
    iovec iov
    sockaddr_storage name
    uint8_t control[CONTROL_LEN]
    uint8_t data[DATAGRAM_LEN_MAX]

cdef struct rx_memory_t:
    mmsghdr messages[RX_BATCH]
    rx_slot_t slots[RX_BATCH]

cdef enum:
    TX_NAME_LEN = 32            # room for a sockaddr_in, sockaddr_in6 or sockaddr_ll, and for one IP_PKTINFO or
    TX_CONTROL_LEN = 48         # IPV6_PKTINFO: what a datagram adds to the batch lies close together

cdef struct tx_slot_t:
    iovec iov
    uint8_t control[TX_CONTROL_LEN]
    uint8_t name[TX_NAME_LEN]

cdef enum:
    TX_WIDE_LEN = 64            # the same and a TTL, which few datagrams have

cdef struct tx_memory_t:
    mmsghdr messages[TX_BATCH]
    tx_slot_t slots[TX_BATCH]
    uint8_t wide[TX_BATCH][TX_WIDE_LEN]


assert sizeof(sockaddr_in6) <= TX_NAME_LEN and sizeof(sockaddr_ll) <= TX_NAME_LEN
assert pv_pktinfo6_len() <= TX_CONTROL_LEN and sizeof(tx_slot_t) == 96


cdef class Receiver:
    def __cinit__(self):
        cdef rx_memory_t *memory = <rx_memory_t *>calloc(1, sizeof(rx_memory_t))
        cdef int k
        if memory == NULL:
            raise MemoryError
        self._memory = <uint8_t *>memory
        for k in range(RX_BATCH):
            memory.slots[k].iov.iov_base = memory.slots[k].data
            memory.slots[k].iov.iov_len = DATAGRAM_LEN_MAX
            memory.messages[k].msg_hdr.msg_iov = &memory.slots[k].iov
            memory.messages[k].msg_hdr.msg_iovlen = 1
            memory.messages[k].msg_hdr.msg_name = &memory.slots[k].name
            memory.messages[k].msg_hdr.msg_control = memory.slots[k].control

    def __dealloc__(self):
        free(self._memory)

    cdef int receive(self, int fd) noexcept nogil:
        """Read up to RX_BATCH datagrams into `items`, which stay good until the next call; never waits."""
        cdef rx_memory_t *memory = <rx_memory_t *>self._memory
        cdef pv_control control
        cdef datagram_t *item
        cdef msghdr *header
        cdef int found, k
        for k in range(RX_BATCH):
            memory.messages[k].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            memory.messages[k].msg_hdr.msg_controllen = CONTROL_LEN
        while True:
            found = recvmmsg(fd, memory.messages, RX_BATCH, MSG_DONTWAIT, NULL)
            if found >= 0 or c_errno != EINTR:
                break
        if found < 0:
            return -c_errno
        for k in range(found):
            item = &self.items[k]
            header = &memory.messages[k].msg_hdr
            pv_read_control(header, &control)
            item.data = memory.slots[k].data
            item.length = memory.messages[k].msg_len
            item.is_truncated = (header.msg_flags & MSG_TRUNC) != 0
            item.realtime_ns = control.realtime_ns
            item.ifindex = control.ifindex
            item.ttl = control.ttl
            memcpy(item.dst, control.dst, 16)
            memcpy(item.src, &(<sockaddr_in6 *>header.msg_name).sin6_addr, 16)
        return found


cdef class Sender:
    def __cinit__(self):
        cdef tx_memory_t *memory = <tx_memory_t *>calloc(1, sizeof(tx_memory_t))
        cdef int k
        if memory == NULL:
            raise MemoryError
        self._memory = <uint8_t *>memory
        for k in range(TX_BATCH):
            memory.messages[k].msg_hdr.msg_iov = &memory.slots[k].iov
            memory.messages[k].msg_hdr.msg_iovlen = 1
            memory.messages[k].msg_hdr.msg_name = memory.slots[k].name

    def __dealloc__(self):
        free(self._memory)

    cdef void reset(self) noexcept nogil:
        self.count = 0

    cdef void add_ipv4(self, const uint8_t *data, size_t length, const uint8_t *src, const uint8_t *dst,
                       uint32_t ifindex, uint8_t ttl) noexcept nogil:
        cdef tx_memory_t *memory = <tx_memory_t *>self._memory
        cdef tx_slot_t *slot = &memory.slots[self.count]
        cdef msghdr *header = &memory.messages[self.count].msg_hdr
        cdef sockaddr_in *name = <sockaddr_in *>slot.name
        memset(name, 0, sizeof(sockaddr_in))
        name.sin_family = AF_INET
        memcpy(&name.sin_addr, dst, 4)
        header.msg_namelen = sizeof(sockaddr_in)
        slot.iov.iov_base = <void *>data
        slot.iov.iov_len = length
        if ttl == VRRP_TTL:
            header.msg_control = slot.control
            header.msg_controllen = pv_write_pktinfo4(slot.control, src, ifindex)
        else:
            header.msg_control = memory.wide[self.count]
            header.msg_controllen = pv_write_ttl(
                memory.wide[self.count], pv_write_pktinfo4(memory.wide[self.count], src, ifindex), ttl, 0
            )
        self.count += 1

    cdef void add_ipv6(self, const uint8_t *data, size_t length, const uint8_t *src, const uint8_t *dst,
                       uint32_t ifindex, uint8_t ttl) noexcept nogil:
        cdef tx_memory_t *memory = <tx_memory_t *>self._memory
        cdef tx_slot_t *slot = &memory.slots[self.count]
        cdef msghdr *header = &memory.messages[self.count].msg_hdr
        cdef sockaddr_in6 *name = <sockaddr_in6 *>slot.name
        memset(name, 0, sizeof(sockaddr_in6))
        name.sin6_family = AF_INET6
        memcpy(&name.sin6_addr, dst, 16)
        # Link-local destinations and groups mean nothing without their link; for others it is ignored.
        name.sin6_scope_id = ifindex
        header.msg_namelen = sizeof(sockaddr_in6)
        slot.iov.iov_base = <void *>data
        slot.iov.iov_len = length
        if ttl == VRRP_TTL:
            header.msg_control = slot.control
            header.msg_controllen = pv_write_pktinfo6(slot.control, src, ifindex)
        else:
            header.msg_control = memory.wide[self.count]
            header.msg_controllen = pv_write_ttl(
                memory.wide[self.count], pv_write_pktinfo6(memory.wide[self.count], src, ifindex), ttl, 1
            )
        self.count += 1

    cdef void add_frame(self, const uint8_t *data, size_t length, uint32_t ifindex) noexcept nogil:
        cdef tx_memory_t *memory = <tx_memory_t *>self._memory
        cdef tx_slot_t *slot = &memory.slots[self.count]
        cdef msghdr *header = &memory.messages[self.count].msg_hdr
        cdef sockaddr_ll *name = <sockaddr_ll *>slot.name
        memset(name, 0, sizeof(sockaddr_ll))
        name.sll_family = AF_PACKET
        name.sll_ifindex = <int>ifindex
        name.sll_halen = 6
        memcpy(name.sll_addr, data, 6)
        memcpy(&name.sll_protocol, data + 12, 2)        # both in network order
        header.msg_namelen = sizeof(sockaddr_ll)
        slot.iov.iov_base = <void *>data
        slot.iov.iov_len = length
        header.msg_control = NULL
        header.msg_controllen = 0
        self.count += 1

    cdef int send(self, int fd, uint32_t first) noexcept nogil:
        """Send what was added, from `first` on; never waits. A -errno is about the message at `first`."""
        cdef tx_memory_t *memory = <tx_memory_t *>self._memory
        cdef int sent
        while True:
            sent = sendmmsg(fd, &memory.messages[first], self.count - first, MSG_DONTWAIT)
            if sent >= 0 or c_errno != EINTR:
                break
        return sent if sent >= 0 else -c_errno


# ---- clocks and waiting

cdef void descriptor_close(int fd) noexcept nogil:
    close(fd)


cdef inline int64_t _clock_ns(int clock) noexcept nogil:
    cdef timespec ts
    clock_gettime(clock, &ts)
    return <int64_t>ts.tv_sec * NS_PER_S + ts.tv_nsec


cdef int64_t monotonic_ns() noexcept nogil:
    return _clock_ns(CLOCK_MONOTONIC)


cdef int64_t boottime_ns() noexcept nogil:
    """CLOCK_MONOTONIC, and the time that the machine was suspended."""
    return _clock_ns(CLOCK_BOOTTIME)


cdef int64_t realtime_ns() noexcept nogil:
    return _clock_ns(CLOCK_REALTIME)


cdef int epoll_open() except -1:
    cdef int fd = epoll_create1(EPOLL_CLOEXEC)
    if fd < 0:
        raise OSError(c_errno, "epoll_create1")
    return fd


cdef int epoll_watch(int epoll_fd, int fd, uint32_t number, bint once) except -1:
    """Watch `fd` for input under a number. `once`: one report, then silence until epoll_again()."""
    cdef epoll_event event
    event.events = EPOLLIN | (EPOLLONESHOT if once else 0)
    event.data.u32 = number
    if epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event):
        raise OSError(c_errno, "epoll_ctl")
    return 0


cdef void epoll_again(int epoll_fd, int fd, uint32_t number) noexcept nogil:
    cdef epoll_event event
    event.events = EPOLLIN | EPOLLONESHOT
    event.data.u32 = number
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event)


cdef int epoll_ready(int epoll_fd, uint32_t *numbers, int limit) noexcept nogil:
    """Write the numbers of what is ready now, at most `limit`, and return how many; never waits."""
    cdef epoll_event events[EPOLL_EVENTS]
    cdef int found, k
    found = epoll_wait(epoll_fd, events, limit if limit < EPOLL_EVENTS else EPOLL_EVENTS, 0)
    for k in range(found):
        numbers[k] = events[k].data.u32
    return found if found > 0 else 0


cdef int timer_open() except -1:
    cdef int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
    if fd < 0:
        raise OSError(c_errno, "timerfd_create")
    return fd


cdef int timer_set(int fd, int64_t deadline_ns) noexcept nogil:
    """Let the timer fire at `deadline_ns` (CLOCK_MONOTONIC); -1: not at all."""
    cdef itimerspec at
    memset(&at, 0, sizeof(at))
    if deadline_ns >= 0:
        if deadline_ns == 0:
            deadline_ns = 1             # all zero would disarm it
        at.it_value.tv_sec = deadline_ns // NS_PER_S
        at.it_value.tv_nsec = deadline_ns % NS_PER_S
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL)


cdef int clock_step_open() except -1:
    """A descriptor that becomes ready when somebody sets the wall clock."""
    cdef int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)
    if fd < 0:
        raise OSError(c_errno, "timerfd_create")
    cdef int error
    if pv_arm_clock_step(fd):
        error = c_errno
        os.close(fd)
        raise OSError(error, "timerfd_settime")
    return fd


cdef bint clock_step_noticed(int fd) noexcept nogil:
    """Whether the wall clock was set since the last call; watches on."""
    cdef uint8_t count[8]
    if read(fd, count, 8) < 0 and c_errno == ECANCELED:
        pv_arm_clock_step(fd)
        return True
    return False


cdef uint32_t socket_drops(int fd) noexcept nogil:
    """How many datagrams the socket's full receive buffer has cost so far (wraps)."""
    return pv_socket_drops(fd)


# ---- sockets, opened in the calling thread's network namespace

def open_receiver(family: int) -> socket.socket:
    """Return the socket that hears all VRRP of a family in this namespace. Raises OSError."""
    sock = socket.socket(socket.AF_INET if family == FAMILY_IPV4 else socket.AF_INET6, socket.SOCK_RAW,
                         VRRP_PROTOCOL)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, OPT_SO_TIMESTAMPNS, 1)
        if family == FAMILY_IPV4:
            sock.setsockopt(socket.IPPROTO_IP, OPT_IP_PKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IP, OPT_IP_MULTICAST_ALL, 0)    # only the groups that it joined itself
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, OPT_IPV6_MULTICAST_ALL, 0)
    except BaseException:
        sock.close()
        raise
    return sock


def open_sender(family: int) -> socket.socket:
    """Return the socket that sends all adverts of a family in this namespace. Raises OSError."""
    sock = socket.socket(socket.AF_INET if family == FAMILY_IPV4 else socket.AF_INET6, socket.SOCK_RAW,
                         VRRP_PROTOCOL)
    try:
        _deafen(sock)
        if family == FAMILY_IPV4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, VRRP_TTL)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, VRRP_TTL)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, VRRP_TOS)
            sock.setsockopt(socket.IPPROTO_IP, OPT_IP_MTU_DISCOVER, OPT_IP_PMTUDISC_DONT)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, VRRP_TTL)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, VRRP_TTL)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, VRRP_TOS)
            # The source may be the link-local address of one interface, and the way out another above it.
            sock.setsockopt(socket.IPPROTO_IPV6, OPT_IPV6_FREEBIND, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def open_frame_sender() -> socket.socket:
    """Return the socket that sends GARP and NA frames in this namespace; it receives nothing. Raises OSError."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        _deafen(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _deafen(sock: socket.socket) -> None:
    sock.setblocking(False)
    cdef int result = pv_drop_everything(sock.fileno())
    if result < 0:
        raise OSError(-result, f"SO_ATTACH_FILTER: {os.strerror(-result)}")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)     # the kernel's least
    try:
        sock.setsockopt(socket.SOL_SOCKET, OPT_SO_SNDBUFFORCE, <int>SNDBUF_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, <int>SNDBUF_BYTES)     # up to net.core.wmem_max


def size_receive_buffer(sock: socket.socket, wanted_bytes: int) -> bool:
    """Make a receive buffer at least `wanted_bytes` large; say whether it is.

    Beyond net.core.rmem_max it is forced, which a user namespace's root may not.
    """
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= wanted_bytes:
        return True
    wanted_bytes = max(wanted_bytes, <int>RCVBUF_MIN)
    try:
        sock.setsockopt(socket.SOL_SOCKET, OPT_SO_RCVBUFFORCE, wanted_bytes)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted_bytes)
    # The kernel doubles what it is given, to pay for its own bookkeeping, and reports the double.
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= wanted_bytes


def join_group(sock: socket.socket, family: int, ifindex: int, group: bytes) -> None:
    """Join a multicast group on an interface. Raises OSError: ENOBUFS beyond igmp_max_memberships."""
    try:
        _membership(sock, family, ifindex, group, True)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:     # joined before
            raise


def leave_group(sock: socket.socket, family: int, ifindex: int, group: bytes) -> None:
    """Leave a multicast group; one that is gone with its interface is no error."""
    try:
        _membership(sock, family, ifindex, group, False)
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENOENT):
            raise


def _membership(sock: socket.socket, family: int, ifindex: int, group: bytes, joins: bool) -> None:
    if family == FAMILY_IPV4:
        request = group + bytes(4) + int(ifindex).to_bytes(4, _byteorder)       # struct ip_mreqn
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP if joins else socket.IP_DROP_MEMBERSHIP, request)
    else:
        request = group + int(ifindex).to_bytes(4, _byteorder)                  # struct ipv6_mreq
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP if joins else socket.IPV6_LEAVE_GROUP, request)
