# cython: language_level=3
"""Our own bounds, each with its reason. Protocol numbers are in consts.pxd."""

cdef enum:
    # The longest advert: 255 IPv6 addresses. It leaves room for a trailer of up to 28 bytes.
    ADVERT_LEN_MAX = 4128

    # One datagram as the kernel hands it over: an IPv4 header with all its options and the longest advert.
    DATAGRAM_LEN_MAX = 4224

    # Peers of one unicast instance: each costs a datagram per interval.
    PEERS_MAX = 255

    # Addresses that one instance announces by GARP or NA; the advert itself carries at most 255.
    ANNOUNCE_MAX = 4096
