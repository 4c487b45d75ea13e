# cython: language_level=3, cdivision=True
"""How much an unlisted source may say to a unicast router.

Without vrrp_check_unicast_src an advert from an address that is no configured peer is obeyed, as keepalived does. So
anybody who can reach us could send 50,000 of them a second. A source may send some adverts at once, and then two in
an interval of ours; whoever goes on above that is not heard at all, until it has been slower for a while. So a flood
cannot keep the addresses: after Master_Down_Interval the router is MASTER, however many adverts come. Who keeps to one
advert in an interval is obeyed for ever.

A router remembers a few sources, each until it has been silent for longer than a Master_Down_Interval; beyond those
nobody is heard. So a source that is there already keeps its place however many addresses a flood is sent from. Only an
advert that passed every other check gets here, and none of a configured peer does. Nothing is allocated.

The account of a source is one time: each advert moves it on by what an advert costs, and it is at least now. It may be
so far ahead of now and no further.
"""

cimport cython
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from vrrpcore.consts cimport FAMILY_IPV6, IPV4_LEN, IPV6_LEN, NS_PER_CS
from vrrpcore.limits cimport UNLISTED_ADVERT_NS_MAX, UNLISTED_BURST
from vrrpcore.setup cimport mix_address


@cython.final
@cython.no_gc
cdef class SourceBudget:
    """The accounts of all unlisted sources. For the engine."""

    def __dealloc__(self):
        free(self._sources)

    cdef int reserve(self, size_t router_count) except -1:
        """Make room for routers 0 to router_count - 1. Raises MemoryError."""
        cdef sources_t *grown
        if router_count <= self._capacity:
            return 0
        grown = <sources_t *>realloc(self._sources, router_count * sizeof(sources_t))
        if grown == NULL:
            raise MemoryError
        memset(&grown[self._capacity], 0, (router_count - self._capacity) * sizeof(sources_t))
        self._sources = grown
        self._capacity = router_count
        return 0

    cdef void forget(self, uint32_t i) noexcept nogil:
        """Router `i` is gone."""
        if i < self._capacity:
            memset(&self._sources[i], 0, sizeof(sources_t))

    cdef bint exceeds(self, uint32_t i, const vr_t *vr, const uint8_t *src, int64_t at_ns) noexcept nogil:
        """Count one advert from an unlisted source; say whether that is more than it may send."""
        cdef uint64_t key = mix_address(src, IPV6_LEN if vr.family == FAMILY_IPV6 else IPV4_LEN) | 1
        cdef source_t *known = self._sources[i].known
        cdef source_t *source = NULL
        cdef uint32_t interval_cs = vr.advertisement_interval_cs
        cdef int64_t cost_ns = <int64_t>interval_cs * NS_PER_CS // 2
        cdef int64_t silent_ns
        cdef uint32_t k
        if cost_ns > UNLISTED_ADVERT_NS_MAX:
            cost_ns = UNLISTED_ADVERT_NS_MAX
        for k in range(UNLISTED_SOURCES_MAX):
            if known[k].key == key:
                source = &known[k]
                break
            if source == NULL or known[k].paid_until_ns < source.paid_until_ns:
                source = &known[k]
        if source.key != key:
            if vr.master_adver_interval_cs > interval_cs:
                interval_cs = vr.master_adver_interval_cs
            silent_ns = <int64_t>interval_cs * NS_PER_CS * (vr.down_timer_adverts + 1)
            if source.key and at_ns - source.paid_until_ns < silent_ns:
                return True
            source.key = key
            source.paid_until_ns = at_ns
        if source.paid_until_ns < at_ns:
            source.paid_until_ns = at_ns
        source.paid_until_ns += cost_ns
        if source.paid_until_ns - at_ns <= UNLISTED_BURST * cost_ns:
            return False
        # What is not heard counts too, as much as one advert: silence for that long brings it back.
        source.paid_until_ns = at_ns + (UNLISTED_BURST + 1) * cost_ns
        return True
