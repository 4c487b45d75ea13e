# cython: language_level=3
"""What adverts arrive in: one address family in one namespace each.

A domain has a receive queue, and a Master_Down_Timer may fire only when everything that arrived before its deadline has
been heard: an advert that waits in the queue is not silence. So a domain knows up to when it has been heard. The caller
says so after each read; and where a queue has nothing to read, the last look at all queues says it. A timer that may
not fire yet makes its domain want a look, for which the caller need not wait until the queue is ready.
"""

cimport cython
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from vrrpcore.consts cimport FAMILY_IPV4, FAMILY_IPV6


@cython.final
@cython.no_gc
cdef class Domains:
    """All domains of an engine, by number. They stay."""

    def __dealloc__(self):
        free(self.each)

    cdef int add(self, family) except -1:
        """Return the number of a new domain, which is idle. Raises ValueError for a family that is neither 4 nor 6."""
        cdef domain_t *grown
        cdef domain_t *domain
        if family not in (FAMILY_IPV4, FAMILY_IPV6):
            raise ValueError(f"family {family} is neither 4 nor 6")
        grown = <domain_t *>realloc(self.each, (self.count + 1) * sizeof(domain_t))
        if grown == NULL:
            raise MemoryError
        self.each = grown
        domain = &grown[self.count]
        memset(domain, 0, sizeof(domain_t))
        domain.family = family
        domain.is_idle = 1
        self.count += 1
        return <int>self.count - 1

    cdef int check(self, domain) except -1:
        """Raises IndexError where there is no such domain."""
        if not 0 <= domain < self.count:
            raise IndexError(f"no domain {domain}")
        return 0

    cdef int tell_unknown(self, domain, bint wanted) except -1:
        """Tell, or not, of VRIDs that no router has: each of them once from now on. Raises IndexError."""
        self.check(domain)
        self.each[<uint32_t>domain].tells_unknown = wanted
        memset(self.each[<uint32_t>domain].told_vrids, 0, sizeof(self.each[0].told_vrids))
        return 0

    cdef bint is_untold(self, uint32_t d, uint8_t vrid) noexcept nogil:
        """Whether a VRID that no router has is to be told now; it has been told then."""
        cdef domain_t *domain = &self.each[d]
        cdef uint8_t bit = <uint8_t>(1 << (vrid & 7))
        if not domain.tells_unknown or domain.told_vrids[vrid >> 3] & bit:
            return False
        domain.told_vrids[vrid >> 3] |= bit
        return True

    cdef bint has_heard(self, uint32_t d, int64_t until_ns) noexcept nogil:
        """Whether all that arrived before `until_ns` has been heard. Where not, the domain wants a look."""
        cdef domain_t *domain = &self.each[d]
        if domain.is_idle and domain.heard_until_ns < self.polled_ns:
            domain.heard_until_ns = self.polled_ns
        if domain.heard_until_ns >= until_ns:
            return True
        if not domain.wants_look:
            domain.wants_look = 1
            self.look_count += 1
        return False
