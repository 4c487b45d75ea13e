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

    # GARP or NA frames per address in one set, and the times between sets: 12 days.
    ANNOUNCE_REPEAT_MAX = 255
    ANNOUNCE_S_MAX = 1000000

    # The longest gap between two announcements on one interface: keepalived's 4,294 s.
    ANNOUNCE_GAP_S_MAX = 4294

    # The shortest interval that is learned from a master, unless our own is shorter: keepalived's users set 100 ms for
    # the fastest takeover. One advert with 1 cs would otherwise have 10,000 backups promote 35 ms later, which is less
    # than a busy host takes to hear the next.
    LEARNED_INTERVAL_CS_MIN = 10

    # GARP and NA: with so many datagrams in a batch, rounds after the first wait for the first ones of other routers.
    # Then 16,000 frames a second, some of them every 2 ms: a sixth of a core.
    ANNOUNCE_BURST = 64
    REPEAT_GAP_NS = 62500
    REPEAT_GRAIN_NS = 2000000

    # They wait until no first one has come for so long, but not longer than a second: while a takeover of thousands
    # goes on, repeating what its first addresses have said would take a sixth of the time that the last ones wait for.
    REPEAT_REST_NS = 20000000
    REPEAT_REST_NS_MAX = 1000000000

    # preempt_delay: keepalived's bound.
    PREEMPT_DELAY_S_MAX = 1000

    # After a lower advert the announcements are sent at most once in this time, whatever garp_lower_prio_delay says.
    LOWER_REST_S_MIN = 1

    # Events that wait for the layer above; a power of two. 10,000 routers may change state in one turn.
    EVENT_RING_SIZE = 16384

    # A turn that came later than this is looked at as a stall: the shortest advert interval.
    STALL_NS_MIN = 10000000

    # While a receive buffer overflows, a BACKUP that hears no advert waits so many Master_Down_Intervals and then no
    # longer: at least twelve adverts in a row would have been lost, and a flood must not keep the addresses away.
    OVERFLOW_DOWN_INTERVALS = 4

    # A receive buffer below this drops bursts that a default kernel would take.
    RCVBUF_MIN = 262144

    # What is expected in a receive buffer: ten seconds of adverts, each at what the kernel charges for a small packet.
    RCVBUF_SECONDS = 10
    DATAGRAM_TRUESIZE = 832
    RCVBUF_MAX = 67108864

    # What one socket may have on its way. The kernel keeps up to 208 KiB for each neighbour that does not answer, for
    # three seconds, and by default a socket has no more than that: one dead peer would silence all the others.
    SNDBUF_BYTES = 33554432

    # A socket is read again this long after a read: 2.2 us an advert become 1.0 on a busy receiver. It is less than a
    # sixteenth of the shortest interval.
    RX_REST_NS = 500000

    # Batches that one socket may deliver, and timers that may fire, before others get their turn: a takeover costs
    # 6 us, most of it for sending its advert, and they leave in one system call.
    RX_TURN_MAX = 64
    EXPIRE_TURN_MAX = 64

    # A peer with the kernel's default receive buffer holds 256 small packets on veth, some 90 on a real card: regular
    # adverts to one host, or to a group on one interface, in one millisecond.
    HOST_BURST_MAX = 64

    # Adverts of one slot to all hosts: sending them takes about a millisecond, and nothing is heard meanwhile.
    SLOT_BURST_MAX = 192

    # Slots of one interval: a few routers spread over some, and a millisecond each is the most. 4,096 carry 262,144
    # adverts to one host.
    SLOTS_MIN = 8
    SLOTS_MAX = 4096

    # What a booking looks at: so many of the newest slots and so many new ones; so many milliseconds in which routers
    # of other intervals are met. 1,024 are all of them for intervals up to 10 s.
    SLOT_LOOKS_MAX = 16
    SLOT_MEETS_MAX = 1024

    # Unlisted sources that a unicast router obeys at a time: 64 bytes, one cache line, for each router.
    UNLISTED_SOURCES_MAX = 4

    # Adverts of one such source at once: a takeover, and answers to adverts. Then one in half an interval of ours, but
    # 20 a second at least, for a master whose interval is the shortest that is learned.
    UNLISTED_BURST = 16
    UNLISTED_ADVERT_NS_MAX = 50000000
