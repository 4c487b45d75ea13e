"""The few messages of nf_tables that a filter of addresses takes, as bytes. Pure.

One table of family inet holds everything: two base chains, and three sets of addresses. The rules name the sets, so a
filter of ten thousand addresses has as many rules as a filter of one.

    in:   ip daddr @vips4 drop                      out:  ip saddr @vips4 drop
          icmpv6 type 135..136 accept                     icmpv6 type 135..136 accept
          ip6 daddr @vips6 drop                           ip6 saddr @vips6 drop
          ip6 daddr . iifname @vips6_link_local drop      ip6 saddr . oifname @vips6_link_local drop

`accept` ends this table's chain only: what the host's own rules say of a Neighbor Solicitation still counts.

What changes together is one batch, in one datagram: the kernel does all of it or nothing. Numbers are in network
order, unlike rtnetlink's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pyvrrp.model import FilterTable, Vip

HEADER = Struct("=IHHII")           # struct nlmsghdr
_ATTRIBUTE = Struct("=HH")          # struct nlattr
_GENERIC = Struct(">BBH")           # struct nfgenmsg
_BE32 = Struct(">I")
_HOST32 = Struct("=I")              # of an interface index, in a register and in a set

_NLM_F_REQUEST, _NLM_F_ACK = 0x1, 0x4
_NLM_F_EXCL, _NLM_F_CREATE, _NLM_F_APPEND = 0x200, 0x400, 0x800
_NLM_F_DUMP = 0x300
_NLA_F_NESTED = 0x8000
_NLA_TYPE_MASK = 0x3FFF
_NFNL_MSG_BATCH_BEGIN, _NFNL_MSG_BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10                     # NFNL_SUBSYS_NFTABLES
_NEWTABLE, _GETTABLE, _DELTABLE = 0, 1, 2
_NEWCHAIN, _NEWRULE, _NEWSET = 3, 6, 9
_NEWSETELEM, _DELSETELEM = 12, 14
_INET = 1                           # NFPROTO_INET
_IPV4, _IPV6 = 2, 10
_HOOK_IN, _HOOK_OUT = 1, 3          # NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT
_DROP, _ACCEPT = 0, 1
_ICMPV6, _SOLICIT, _ADVERT = 58, 135, 136
_REPORT = 143                       # MLDv2 (RFC 3810 s5.2), which the kernel sends unless a router is older
_META_OIF, _META_IIFNAME, _META_OIFNAME, _META_NFPROTO, _META_L4PROTO = 5, 6, 7, 15, 16
_EQUAL, _AT_MOST, _AT_LEAST = 0, 3, 5
_NETWORK, _TRANSPORT = 1, 2         # header that a payload is counted from
_IFNAMSIZ = 16
_MAP = 8                            # NFT_SET_MAP
_IFINDEX = 20                       # a type, as nft(8) shows it
_BELOW = "below"                    # the map from interfaces to those that their reports leave by
_REPORTS_PRIORITY = -1              # keepalived's: before the host's own filters
_COMMENT = 0                        # NFTNL_UDATA_TABLE_COMMENT

OWNER, PERSIST = 2, 4               # flags of a table: only its socket changes it; it outlives the socket

# Name, type as nft(8) shows it, bytes of a key. The type of a pair is that of its parts, 6 bits each.
_SETS = (("vips4", 7, 4), ("vips6", 8, 16), ("vips6_link_local", 8 << 6 | 41, 16 + _IFNAMSIZ))
_SET_NAMES = tuple(name for name, _, _ in _SETS)
_ELEMENTS_PER_MESSAGE = 1000        # an attribute has at most 65,535 bytes; an element of the longest key takes 44

Element = tuple[str, bytes]         # the set, and the key in it


class Table(NamedTuple):
    """A table that the kernel lists."""

    name: str
    flags: int
    comment: str


def elements_of(vips: Iterable[Vip]) -> frozenset[Element]:
    """What stands for addresses in the sets. A link-local one means something on its interface only."""
    return frozenset(_element(vip) for vip in vips)


def _element(vip: Vip) -> Element:
    if vip.family == 4:
        return "vips4", vip.address
    if vip.address[0] == 0xFE and vip.address[1] & 0xC0 == 0x80:
        return "vips6_link_local", vip.address + vip.dev.encode(errors="surrogateescape").ljust(_IFNAMSIZ, b"\0")
    return "vips6", vip.address


def table_batch(table: FilterTable, name: str, comment: str, *, flags: int, replace: bool) -> list[bytes]:
    """Make the whole table, with empty sets; it must not exist, except to be replaced."""
    messages = [table_deletion(name)] if replace else []
    user_data = bytes((_COMMENT, len(comment) + 1)) + comment.encode() + b"\0"
    messages.append(_message(
        _NEWTABLE, _NLM_F_CREATE | _NLM_F_EXCL,
        _text(1, name), _number(2, flags), _attribute(6, user_data),
    ))
    for number, (set_name, kind, size) in enumerate(_SETS, 1):
        messages.append(_message(
            _NEWSET, _NLM_F_CREATE | _NLM_F_EXCL,
            _text(1, name), _text(2, set_name), _number(3, 0), _number(4, kind), _number(5, size), _number(10, number),
        ))
    for chain, hook, at4, at6, interface in (
        ("in", _HOOK_IN, 16, 24, _META_IIFNAME), ("out", _HOOK_OUT, 12, 8, _META_OIFNAME)
    ):
        messages.append(_message(
            _NEWCHAIN, _NLM_F_CREATE | _NLM_F_EXCL,
            _text(1, name), _text(3, chain), _text(7, "filter"), _number(5, _ACCEPT),
            _nest(4, _number(1, hook), _number(2, table.priority & 0xFFFFFFFF)),
        ))
        counter = (_expression("counter"),) if table.has_counters else ()
        drop = (*counter, _verdict(_DROP))
        is_icmpv6 = (*_family(_IPV6), _meta(_META_L4PROTO), _compare(_EQUAL, _ICMPV6), _payload(_TRANSPORT, 0, 1))
        for rule in (
            (*_family(_IPV4), _payload(_NETWORK, at4, 4), _lookup("vips4"), *drop),
            (*is_icmpv6, _compare(_AT_LEAST, _SOLICIT), _compare(_AT_MOST, _ADVERT), *counter, _verdict(_ACCEPT)),
            (*_family(_IPV6), _payload(_NETWORK, at6, 16), _lookup("vips6"), *drop),
            (*_family(_IPV6), _payload(_NETWORK, at6, 16), _meta(interface, 2), _lookup("vips6_link_local"), *drop),
        ):
            messages.append(_message(
                _NEWRULE, _NLM_F_CREATE | _NLM_F_APPEND, _text(1, name), _text(2, chain), _nest(4, *rule)
            ))
    return messages


def table_deletion(name: str) -> bytes:
    """Remove a table with all that is in it."""
    return _message(_DELTABLE, 0, _text(1, name))


def element_messages(name: str, elements: Iterable[Element], *, present: bool) -> Iterator[bytes]:
    """Put elements into the sets, or take them out."""
    kind, flags = (_NEWSETELEM, _NLM_F_CREATE) if present else (_DELSETELEM, 0)
    by_set: dict[str, list[bytes]] = {set_name: [] for set_name in _SET_NAMES}
    for set_name, key in elements:
        by_set[set_name].append(key)
    for set_name, _, size in _SETS:
        keys = iter(by_set[set_name])
        # The same three heads stand before every key of a set.
        before = b"".join(
            _ATTRIBUTE.pack(size + depth * _ATTRIBUTE.size, kind)
            for depth, kind in ((3, 1 | _NLA_F_NESTED), (2, 1 | _NLA_F_NESTED), (1, 1))
        )
        while part := list(islice(keys, _ELEMENTS_PER_MESSAGE)):
            yield _message(
                kind, flags, _text(1, name), _text(2, set_name), _nest(3, *(before + key for key in part))
            )


def reports_batch(name: str) -> list[bytes]:
    """Make the table that has an interface's listener reports leave by another one; it must not exist.

    A table of family ip6, since only there is a packet sent again; it goes when its socket is closed.

        out:  icmpv6 type 143 dup to ip6 daddr device oif map @below drop
    """
    said = _text(1, name)
    drop = _verdict(_DROP)
    ways = {"family": _IPV6}
    return [
        _message(_NEWTABLE, _NLM_F_CREATE | _NLM_F_EXCL, said, _number(2, OWNER), **ways),
        _message(
            _NEWSET, _NLM_F_CREATE | _NLM_F_EXCL, said, _text(2, _BELOW), _number(3, _MAP),
            _number(4, _IFINDEX), _number(5, 4), _number(6, _IFINDEX), _number(7, 4), _number(10, 1),
            # For nft(8): key and data are numbers in the host's order.
            _attribute(13, b"".join(bytes((kind, 4)) + _HOST32.pack(1) for kind in (0, 1))), **ways,
        ),
        _message(
            _NEWCHAIN, _NLM_F_CREATE | _NLM_F_EXCL, said, _text(3, "out"), _text(7, "filter"), _number(5, _ACCEPT),
            _nest(4, _number(1, _HOOK_OUT), _number(2, _REPORTS_PRIORITY & 0xFFFFFFFF)), **ways,
        ),
        _message(
            _NEWRULE, _NLM_F_CREATE | _NLM_F_APPEND, said, _text(2, "out"), _nest(
                4,
                _meta(_META_L4PROTO), _compare(_EQUAL, _ICMPV6), _payload(_TRANSPORT, 0, 1), _compare(_EQUAL, _REPORT),
                _meta(_META_OIF, 2), _expression("lookup", _text(1, _BELOW), _number(2, 2), _number(3, 2)),
                _payload(_NETWORK, 24, 16), _expression("dup", _number(1, 1), _number(2, 2)), drop,
            ), **ways,
        ),
    ]


def report_message(name: str, index: int, base: int, *, present: bool) -> bytes:
    """Have the reports of one interface leave by the one below, or no more."""
    kind, flags = (_NEWSETELEM, _NLM_F_CREATE) if present else (_DELSETELEM, 0)
    key = _nest(1, _attribute(1, _HOST32.pack(index)))
    data = _nest(2, _attribute(1, _HOST32.pack(base)))
    element = _nest(1, key, data) if present else _nest(1, key)
    return _message(kind, flags, _text(1, name), _text(2, _BELOW), _nest(3, element), family=_IPV6)


def batch(messages: Sequence[bytes], first_seq: int) -> tuple[bytes, int]:
    """Join messages into one transaction; what to send, and the number whose answer ends it.

    Numbers go from `first_seq` on. Only the last message asks for an answer, which the kernel gives when all is done;
    the end of a batch may ask for one since Linux 6.10 only. A batch that fails as a whole is answered by its first
    number.
    """
    generic = _GENERIC.pack(0, 0, _SUBSYSTEM)
    size = HEADER.size + len(generic)
    data = bytearray(HEADER.pack(size, _NFNL_MSG_BATCH_BEGIN, _NLM_F_REQUEST, first_seq, 0) + generic)
    seq = first_seq
    for message in messages:
        seq += 1
        length, kind, flags, _, _ = HEADER.unpack_from(message)
        flags |= _NLM_F_ACK if message is messages[-1] else 0
        data += HEADER.pack(length, kind, flags, seq, 0)
        data += message[HEADER.size :]
    data += HEADER.pack(size, _NFNL_MSG_BATCH_END, _NLM_F_REQUEST, seq + 1, 0) + generic
    return bytes(data), seq


def tables_request(seq: int) -> bytes:
    """Ask for all tables of our family."""
    generic = _GENERIC.pack(_INET, 0, 0)
    size = HEADER.size + len(generic)
    return HEADER.pack(size, _SUBSYSTEM << 8 | _GETTABLE, _NLM_F_REQUEST | _NLM_F_DUMP, seq, 0) + generic


def table_of(message: bytes) -> Table | None:
    """Read what the kernel lists; None: that is no table."""
    if HEADER.unpack_from(message)[1] != _SUBSYSTEM << 8 | _NEWTABLE:
        return None
    found = dict(_attributes(message[HEADER.size + _GENERIC.size :]))
    data, comment = found.get(6, b""), ""
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        if data[0] == _COMMENT:
            comment = data[2 : 2 + data[1]].rstrip(b"\0").decode(errors="replace")
        data = data[2 + data[1] :]
    flags = _BE32.unpack(found[2])[0] if len(found.get(2, b"")) == _BE32.size else 0
    return Table(found.get(1, b"").rstrip(b"\0").decode(errors="replace"), flags, comment)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NLA_TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3


def _message(kind: int, flags: int, *attributes: bytes, family: int = _INET) -> bytes:
    body = _GENERIC.pack(family, 0, 0) + b"".join(attributes)
    return HEADER.pack(HEADER.size + len(body), _SUBSYSTEM << 8 | kind, _NLM_F_REQUEST | flags, 0, 0) + body


def _attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)


def _nest(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | _NLA_F_NESTED, b"".join(parts))


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode(errors="surrogateescape") + b"\0")


def _number(kind: int, number: int) -> bytes:
    return _attribute(kind, _BE32.pack(number))


# Parts of a rule. What they load goes to register 1, and register 2 is what follows it in a pair.


def _expression(name: str, *attributes: bytes) -> bytes:
    return _nest(1, _text(1, name), _nest(2, *attributes))


def _meta(key: int, register: int = 1) -> bytes:
    return _expression("meta", _number(1, register), _number(2, key))


def _payload(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", _number(1, 1), _number(2, base), _number(3, offset), _number(4, length))


def _compare(operation: int, byte: int) -> bytes:
    return _expression("cmp", _number(1, 1), _number(2, operation), _nest(3, _attribute(1, bytes((byte,)))))


def _family(family: int) -> tuple[bytes, bytes]:
    return _meta(_META_NFPROTO), _compare(_EQUAL, family)


def _lookup(set_name: str) -> bytes:
    return _expression("lookup", _text(1, set_name), _number(2, 1))


def _verdict(verdict: int) -> bytes:
    return _expression("immediate", _number(1, 0), _nest(2, _nest(2, _number(1, verdict))))
