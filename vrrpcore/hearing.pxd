# cython: language_level=3
cimport cython
from libc.stdint cimport uint8_t, uint32_t

from vrrpcore.budget cimport SourceBudget
from vrrpcore.domains cimport Domains
from vrrpcore.events cimport EventRing
from vrrpcore.machine cimport Machine
from vrrpcore.packet cimport rx_meta_t
from vrrpcore.table cimport Table
from vrrpcore.wheel cimport TimerWheel

# One VRRP message that arrived.
cdef struct heard_t:
    rx_meta_t rx
    const uint8_t *message  # without its IP header
    size_t length
    uint32_t vr             # Hearing's own: where it is looked for, then whose it is
    uint8_t vrid
    uint8_t drop
    bint listed


@cython.final
@cython.no_gc
cdef class Hearing:
    cdef Table _table
    cdef TimerWheel _wheel
    cdef Machine _machine
    cdef EventRing _events
    cdef Domains _domains
    cdef SourceBudget _budget

    cdef void receive(self, heard_t *batch, size_t count) noexcept nogil
    cdef void _hear(self, const heard_t *heard) noexcept nogil
    cdef void _hear_nobodys(self, const rx_meta_t *rx, uint8_t vrid) noexcept nogil
