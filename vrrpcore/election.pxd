# cython: language_level=3
from libc.stdint cimport int64_t, uint8_t, uint16_t

from vrrpcore.vr cimport vr_t

# What an advert that passed all checks means to a router, given its state.
cdef enum verdict_t:
    ADVERT_ZERO             # priority 0: the master stops
    ADVERT_WINS             # obey its sender
    ADVERT_LOSES            # it has no say over us

cdef int64_t skew_time_ns(uint8_t version, uint8_t priority, uint16_t master_adver_interval_cs) noexcept nogil
cdef int64_t master_down_interval_ns(uint8_t version, uint8_t priority, uint16_t master_adver_interval_cs,
                                     uint8_t down_timer_adverts) noexcept nogil
cdef int compare_addresses(const uint8_t *a, const uint8_t *b) noexcept nogil
cdef verdict_t judge(vr_t *vr, uint8_t priority, const uint8_t *src, int64_t at_ns) noexcept nogil
cdef uint16_t learned_interval_cs(const vr_t *vr, uint16_t max_adver_int_cs) noexcept nogil
