# cython: language_level=3
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef enum:
    RX_BATCH = 64               # datagrams of one recvmmsg: 16 to 128 cost the same
    TX_BATCH = 64
    CONTROL_LEN = 128           # ancillary data of one datagram

# One datagram as the kernel handed it over. IPv4: `data` begins with the IP header, and source, destination and TTL
# stand there. IPv6: it begins behind the header, and they stand here.
cdef struct datagram_t:
    const uint8_t *data
    size_t length
    int64_t realtime_ns         # when the kernel received it, CLOCK_REALTIME; 0: it did not say
    uint32_t ifindex
    uint8_t is_truncated
    uint8_t ttl
    uint8_t src[16]
    uint8_t dst[16]

cdef class Receiver:
    """Buffers for one recvmmsg; used for one socket after the other."""
    cdef datagram_t items[RX_BATCH]
    cdef uint8_t *_memory
    cdef int receive(self, int fd) noexcept nogil               # how many, or -errno

cdef class Sender:
    """Headers for one sendmmsg. The bytes themselves are not copied."""
    cdef uint8_t *_memory
    cdef uint32_t count
    cdef void reset(self) noexcept nogil
    cdef void add_ipv4(self, const uint8_t *data, size_t length, const uint8_t *src, const uint8_t *dst,
                       uint32_t ifindex, uint8_t ttl) noexcept nogil
    cdef void add_ipv6(self, const uint8_t *data, size_t length, const uint8_t *src, const uint8_t *dst,
                       uint32_t ifindex, uint8_t ttl) noexcept nogil
    cdef void add_frame(self, const uint8_t *data, size_t length, uint32_t ifindex) noexcept nogil
    cdef int send(self, int fd, uint32_t first) noexcept nogil  # how many from `first` on, or -errno

cdef int64_t monotonic_ns() noexcept nogil
cdef int64_t boottime_ns() noexcept nogil
cdef void descriptor_close(int fd) noexcept nogil
cdef int64_t realtime_ns() noexcept nogil
cdef int epoll_open() except -1
cdef int epoll_watch(int epoll_fd, int fd, uint32_t number, bint once) except -1
cdef void epoll_again(int epoll_fd, int fd, uint32_t number) noexcept nogil
cdef int epoll_ready(int epoll_fd, uint32_t *numbers, int limit) noexcept nogil
cdef int timer_open() except -1
cdef int timer_set(int fd, int64_t deadline_ns) noexcept nogil
cdef int clock_step_open() except -1
cdef bint clock_step_noticed(int fd) noexcept nogil
cdef uint32_t socket_drops(int fd) noexcept nogil
