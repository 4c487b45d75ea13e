# cython: language_level=3
from libc.stdint cimport int64_t, uint32_t

from vrrpcore.machine cimport Machine
from vrrpcore.table cimport Table

cdef uint32_t overslept(Table table, Machine machine, int64_t deaf_ns, bint was_paused, int64_t now_ns) noexcept nogil
cdef void relisten(Table table, Machine machine, uint32_t domain, int64_t deaf_ns, int64_t now_ns) noexcept nogil
