# cython: language_level=3
from libc.stdint cimport int64_t, uint32_t

from vrrpcore.pacing cimport Announcer
from vrrpcore.vr cimport vr_t
from vrrpcore.wheel cimport TimerWheel

cdef void lower_heard(vr_t *vrs, uint32_t i, TimerWheel wheel, Announcer announcer, int64_t now_ns) noexcept nogil
cdef void lower_timer(vr_t *vrs, uint32_t i, TimerWheel wheel, Announcer announcer, int64_t now_ns) noexcept nogil
