# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from vrrpcore.engine cimport Engine
from vrrpcore.rawio cimport Receiver, Sender

# The sockets of a domain.
cdef struct port_t:
    int rx_fd
    int tx_fd
    int frame_fd                # shared by the domains of a namespace
    uint32_t drops_seen         # of the receive buffer, as the kernel counts them
    int64_t rests_until_ns      # its next read; 0: epoll watches it
    uint8_t family


@cython.final
cdef class Reactor:
    cdef readonly Engine engine
    cdef Receiver _receiver
    cdef Sender _sender
    cdef int _epoll_fd
    cdef int _timer_fd
    cdef int _clock_fd
    cdef port_t *_ports
    cdef uint32_t _port_count
    cdef uint32_t *_resting         # ring of domains that epoll does not watch, in the order of their next read
    cdef uint32_t _resting_head
    cdef uint32_t _resting_count
    cdef uint32_t _ring_size
    cdef int64_t _due_ns                # when the next turn ought to come; -1: nothing is due by time
    cdef int64_t _paused_ns             # by how much CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, as far as was noticed
    cdef int64_t _armed_ns          # what the timer is set to; -1: nothing
    cdef bint _clock_stepped
    cdef list _frame_sockets        # by namespace
    cdef list _sockets              # (receiver, sender) by domain; None while its namespace is not there
    cdef list _namespaces           # of which namespace, by domain; None as above
    cdef dict _members              # (domain, ifindex, group) -> how many routers

    cdef int _reserve_port(self) except -1
    cdef void _close_fds(self) noexcept
    cdef void _turn(self, size_t limit) noexcept nogil
    cdef int64_t _pause_ns(self, int64_t now_ns) noexcept nogil
    cdef int64_t _poll(self, int64_t now_ns) noexcept nogil
    cdef void _read(self, uint32_t d) noexcept nogil
    cdef void _hear(self, uint32_t d, int found, int64_t now_ns, int64_t offset_ns) noexcept nogil
    cdef void _rest(self, uint32_t d, int64_t now_ns) noexcept nogil
    cdef void _flush(self) noexcept nogil
    cdef void _set_timer(self, int64_t deadline_ns) noexcept nogil
