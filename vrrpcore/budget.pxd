# cython: language_level=3
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from vrrpcore.limits cimport UNLISTED_SOURCES_MAX
from vrrpcore.vr cimport vr_t

# One unlisted source of one router.
cdef struct source_t:
    uint64_t key            # its address as a number; 0: the entry is free
    int64_t paid_until_ns   # the adverts heard so far are paid for at this time

cdef struct sources_t:
    source_t known[UNLISTED_SOURCES_MAX]


@cython.final
@cython.no_gc
cdef class SourceBudget:
    cdef sources_t *_sources        # by router
    cdef size_t _capacity

    cdef int reserve(self, size_t router_count) except -1
    cdef void forget(self, uint32_t i) noexcept nogil
    cdef bint exceeds(self, uint32_t i, const vr_t *vr, const uint8_t *src, int64_t at_ns) noexcept nogil
