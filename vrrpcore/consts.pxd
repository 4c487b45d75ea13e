# cython: language_level=3
"""Protocol numbers, each with the section it comes from. Our own bounds are in limits.pxd.

RFC 3768 is VRRPv2, RFC 9568 is VRRPv3 (it replaces RFC 5798).
"""

cdef enum:
    FAMILY_IPV4 = 4
    FAMILY_IPV6 = 6

    VRRP_PROTOCOL = 112             # RFC 9568 s5.1.1.4, s5.1.2.4
    VRRP_TTL = 255                  # RFC 9568 s5.1.1.3, s5.1.2.3: TTL and Hop Limit
    VRRP_TOS = 0xC0                 # keepalived's habit (internetwork control); no RFC asks for it

    # The message, RFC 9568 s5.2:
    #
    #   0                   1                   2                   3
    #   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    #  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    #  |Version| Type  | Virtual Rtr ID|   Priority    |  Addr Count   |
    #  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    #  |Reserve| Max Advertise Interval|          Checksum             |  v3
    #  |   Auth Type   |   Adver Int   |          Checksum             |  v2, RFC 3768 s5.1
    #  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    #  |                        address 1 .. n                         |
    #  |            authentication data, 8 bytes: v2 over IPv4 only    |
    VRRP_HDR_LEN = 8
    OFF_VER_TYPE = 0
    OFF_VRID = 1
    OFF_PRIORITY = 2
    OFF_ADDR_COUNT = 3
    OFF_INTERVAL = 4                # v3: 4 reserved bits, 12 bits of centiseconds
    OFF_AUTH_TYPE = 4               # v2
    OFF_ADVER_INT = 5               # v2: seconds
    OFF_CHECKSUM = 6

    VRRP_TYPE_ADVERTISEMENT = 1     # RFC 9568 s5.2.2
    PRIORITY_OWNER = 255            # RFC 9568 s5.2.4
    PRIORITY_MAX = 254              # the most that a router which is not the owner may send
    PRIORITY_RELEASE = 0            # "I stop being Master"
    ADVER_INT_MAX_CS = 4095         # RFC 9568 s5.2.6: 12 bits
    ADVER_INT_MAX_S = 255           # RFC 3768 s5.3.7: 8 bits
    DOWN_TIMER_ADVERTS = 3          # RFC 9568 s6.1: Master_Down_Interval = 3 * Master_Adver_Interval + Skew_Time

    AUTH_NONE = 0                   # RFC 3768 s5.3.6
    AUTH_PASS = 1                   # RFC 2338 s5.3.6.2; reserved by RFC 3768, alive in the field
    AUTH_AH = 2                     # RFC 2338 s5.3.6.3; refused by us
    AUTH_DATA_LEN = 8               # RFC 3768 s5.3.10

    IPV4_LEN = 4
    IPV6_LEN = 16
    IPV4_HDR_LEN = 20               # without options
    IPV6_HDR_LEN = 40
    ETH_HDR_LEN = 14
    ETH_ADDR_LEN = 6

    GARP_FRAME_LEN = 42             # Ethernet header and ARP for IPv4, RFC 826
    NA_FRAME_LEN = 86               # Ethernet, IPv6, Neighbor Advertisement and its link-layer option, RFC 4861 s4.4

cdef enum:
    NS_PER_MS = 1000000
    NS_PER_CS = 10000000
    NS_PER_S = 1000000000
