# cython: language_level=3
from libc.stdint cimport uint32_t, uint64_t

from vrrpcore.packet cimport DROP_COUNT

# Counters of one router, in a slab beside that of the routers, under the same index.
cdef enum:                      # vr_counter_t
    CNT_ADVERT_RCVD = 0
    CNT_ADVERT_SENT
    CNT_BECOME_MASTER
    CNT_RELEASE_MASTER
    CNT_PRI_ZERO_RCVD
    CNT_PRI_ZERO_SENT
    CNT_ADDR_LIST_ERR           # R10: the address list differs, obeyed
    CNT_FIRST_ADDR_ERR          # R9: the first IPv6 address is not link-local, obeyed
    CNT_INTERVAL_DIFFERS        # R8, v3: the interval differs, obeyed
    CNT_INTERVAL_SHORT          # R8, v3: it is below the shortest that is learned, obeyed
    CNT_CHECKSUM_FOREIGN        # K4: the other checksum form, accepted
    CNT_UNLISTED_SOURCE         # R12: obeyed, though not a configured peer
    CNT_OTHER_MASTER            # adverts of another router while MASTER
    CNT_ANNOUNCE_SENT
    CNT_SEND_ERR                # the kernel refused a datagram
    CNT_DROP = CNT_SEND_ERR     # + drop_t, of which the first is 1: no column for "not dropped"

cdef enum:
    CNT_COUNT = CNT_DROP + DROP_COUNT
    CNT_ROOM = (CNT_COUNT + 7) & ~7         # whole cache lines

cdef struct vr_counters_t:
    uint64_t count[CNT_ROOM]

cdef dict counters_by_name(const uint64_t *count)
cdef dict drops_by_name(const uint64_t *drops)
