# cython: language_level=3
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

# Why a datagram was dropped: one code, one counter and one sentence per reason (DROP_SENTENCES in packet.pyx).
# The order is the order of the checks.
cdef enum drop_t:
    DROP_NONE = 0
    DROP_SHORT              # R1: fewer bytes than a header
    DROP_IP_LENGTH          # R1: the IP header says more than what was received
    DROP_VERSION            # R2
    DROP_TYPE               # R2
    DROP_VRID               # R3: no instance of this VRID here
    DROP_TTL                # R4
    DROP_LENGTH             # R5
    DROP_NO_ADDRESS         # R5: v3 with no address
    DROP_CHECKSUM           # R6
    DROP_AUTH_TYPE          # R7: not the configured authentication type
    DROP_AUTH               # R7: wrong password
    DROP_INTERVAL           # R8: v2 interval differs, or interval 0
    DROP_MODE               # R12: multicast for a unicast instance, or the reverse
    DROP_SOURCE             # R12: not a configured peer
    DROP_OWN                # S12: our own address
    DROP_OWNER              # R11: an owner that ignores adverts
    DROP_FIRST_ADDRESS      # R9: not link-local, under strict
    DROP_ADDRESS_LIST       # R10: other addresses than ours, under strict
    DROP_BUDGET             # R12: an unlisted source sends too much
    DROP_COUNT

cdef enum csum_profile_t:
    CSUM_PSEUDO = 0         # keepalived, FRR: v3 over IPv4 with the pseudo-header
    CSUM_MESSAGE = 1        # RFC 9568 s5.2.8, VRRPv2: the message alone

# How a datagram arrived: all that the checks need to know of the network.
cdef struct rx_meta_t:
    int64_t arrival_ns      # CLOCK_MONOTONIC
    uint32_t domain         # which (namespace, family): the caller's number
    uint32_t ifindex
    uint8_t family          # FAMILY_IPV4 or FAMILY_IPV6
    uint8_t ttl
    uint8_t multicast       # 1: sent to a group
    uint8_t pad
    uint8_t src[16]         # an IPv4 address stands in the first four bytes, zeros behind it
    uint8_t dst[16]

# What an instance asks of an advert, beyond the protocol.
cdef struct expect_t:
    uint8_t version
    uint8_t auth_type       # AUTH_NONE or AUTH_PASS
    uint8_t ttl_min         # 255 for multicast; 0: not checked
    uint8_t ttl_max
    uint8_t csum_profile    # csum_profile_t
    uint8_t csum_strict     # 1: only the profile's form is accepted; 0: either, the other one counted
    uint8_t adver_int_s     # v2: must be equal
    uint8_t pad
    uint8_t auth[8]         # AUTH_PASS: zero padded

cdef struct advert_t:
    uint8_t version
    uint8_t vrid
    uint8_t priority
    uint8_t addr_count
    uint8_t auth_type
    uint8_t csum_foreign    # 1: v3 over IPv4 with the form that is not the profile's
    uint16_t max_adver_int_cs       # v2: Adver Int in centiseconds
    const uint8_t *addrs    # borrowed from the buffer: addr_count addresses of the family's length

# An advert to be sent.
cdef struct advert_form_t:
    uint8_t version
    uint8_t family
    uint8_t vrid
    uint8_t priority
    uint8_t addr_count
    uint8_t auth_type
    uint8_t csum_profile
    uint8_t pad
    uint16_t max_adver_int_cs       # v2: a multiple of 100
    uint8_t auth[8]
    const uint8_t *addrs            # addr_count addresses, packed

cdef size_t advert_length(uint8_t version, uint8_t family, uint8_t addr_count) noexcept nogil
cdef size_t advert_encode(const advert_form_t *form, const uint8_t *src, const uint8_t *dst,
                          uint8_t *buf, size_t capacity) noexcept nogil
cdef drop_t advert_peek(const uint8_t *buf, size_t length, uint8_t *vrid) noexcept nogil
cdef drop_t advert_decode(const uint8_t *buf, size_t length, const rx_meta_t *rx, const expect_t *expect,
                          advert_t *out) noexcept nogil
cdef drop_t ipv4_unwrap(const uint8_t *datagram, size_t length, rx_meta_t *rx,
                        const uint8_t **message, size_t *message_len) noexcept nogil
