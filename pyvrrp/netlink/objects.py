"""What a router wants of the kernel, thing by thing: an address, a route or a rule as the bytes that add and delete it.

An Item is one thing on the interfaces that its names mean now, with what is known of it. The Applier treats all kinds
alike; what differs is here: which interfaces a thing needs, when two are the same to the kernel, and what its answers
mean. `rank` is the order in which things are added, and backwards removed: addresses, routes, rules (keepalived's
S15 and S16).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping
from enum import Enum
from errno import EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ESRCH

from pyvrrp.model import Vip
from pyvrrp.netlink.links import Link
from pyvrrp.netlink.programs import AddressKey, add_message, address_key, delete_message
from pyvrrp.netlink.routes import RouteKey, RuleKey, route_key, route_messages, rule_key, rule_messages
from pyvrrp.routing import Route, Rule

Thing = Vip | Route | Rule
Key = AddressKey | RouteKey | RuleKey

_NOWHERE = RouteKey(0, 0, b"", 0, 0, 0, 0, b"", 0)     # of a route that lacks an interface
ANY_DEV = ""           # the kernel chooses the interface, so each may be the one


class Pending(Enum):
    """What is under way of a thing."""

    ADD = 1
    DELETE = 2


class Item(ABC):
    """One thing of one router, on the interfaces that its names mean now.

    present: None is not known.
    is_lost: somebody removed it; or, while pending, it may be gone again.
    """

    __slots__ = ("add", "delete", "is_lost", "key", "pending", "present", "thing")

    rank = 0
    what = ""                               # how messages begin
    gone = frozenset((0, EADDRNOTAVAIL, ENODEV))
    is_flushed = False                      # it goes with its interface, and the kernel does not always tell
    is_listed = True                        # a dump that is made anyway tells whether it is there

    add: bytes                              # both empty: an interface is missing
    delete: bytes
    key: Key
    thing: Thing

    def __init__(self) -> None:
        self.present: bool | None = None if self.add else False
        self.pending: Pending | None = None
        self.is_lost = False

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The interfaces whose coming matters to it; empty text is any."""

    @property
    @abstractmethod
    def indexes(self) -> tuple[int, ...]:
        """The interfaces that it is on."""

    @abstractmethod
    def is_current(self, by_name: Mapping[str, Link]) -> bool:
        """Whether its names mean the interfaces that they meant when it was made."""

    def can_exist(self, indexes: Container[int]) -> bool:
        """Whether its interfaces are still there; the kernel takes with them what is on them."""
        return bool(self.add) and all(index in indexes for index in self.indexes)

    def is_same(self, other: Item) -> bool:
        """Whether deleting one of two with equal keys deletes the other."""
        return self.delete == other.delete

    def changes(self, other: Item) -> bool:
        """Whether adding it makes of the same thing, there as `other`, what it is itself; else that has to go first."""
        return True

    def is_there_after(self, errno: int) -> bool:
        """Whether it is there, by the answer to its addition."""
        return errno in (0, EEXIST)


class AddressItem(Item):
    """A Vip."""

    __slots__ = ()
    key: AddressKey
    thing: Vip

    def __init__(self, vip: Vip, by_name: Mapping[str, Link]) -> None:
        link = by_name.get(vip.dev)
        index = link.index if link is not None else 0
        self.thing = vip
        self.key = address_key(index, vip.prefix_len, vip.address)
        self.add = add_message(vip, index) if index else b""
        self.delete = delete_message(vip, index) if index else b""
        super().__init__()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.thing.dev,)

    @property
    def indexes(self) -> tuple[int, ...]:
        return (self.key.ifindex,)

    def is_current(self, by_name: Mapping[str, Link]) -> bool:
        link = by_name.get(self.thing.dev)
        return (link.index if link is not None else 0) == self.key.ifindex

    def is_same(self, other: Item) -> bool:
        # With another peer an IPv4 address is another one. An interface has an IPv6 address once.
        return len(self.key.address) == 16 or self.delete == other.delete

    def changes(self, other: Item) -> bool:
        # The kernel leaves an IPv6 address its prefix length, and an IPv4 address its label, scope and broadcast.
        return self.delete == other.delete and (len(self.key.address) == 16 or self.add == other.add)


class RouteItem(Item):
    """A Route."""

    __slots__ = ("_meant",)
    rank = 1
    what = "route "
    gone = frozenset((0, ESRCH, ENODEV, ENOENT))
    is_flushed = True
    is_listed = False
    thing: Route

    def __init__(self, route: Route, by_name: Mapping[str, Link]) -> None:
        self.thing = route
        self._meant = meant = _meaning(route.devs, by_name)
        table = route.table
        if route.vrf is not None and (link := by_name.get(route.vrf)) is not None:
            table = link.vrf_table
        self.add = self.delete = b""
        if all(meant) and table:
            self.add, self.delete = route_messages(route, lambda name: by_name[name].index, table)
        self.key = route_key(self.delete) or _NOWHERE
        super().__init__()

    @property
    def names(self) -> tuple[str, ...]:
        return self.thing.devs if self.thing.dev is not None else (*self.thing.devs, ANY_DEV)

    @property
    def indexes(self) -> tuple[int, ...]:
        return self._meant

    def is_current(self, by_name: Mapping[str, Link]) -> bool:
        return _meaning(self.thing.devs, by_name) == self._meant

    def is_there_after(self, errno: int) -> bool:
        # `add` takes no second route to a place: what is there when ours was known not to be is somebody else's.
        return errno == 0 or (errno == EEXIST and (self.thing.order != "add" or self.present is None))


class RuleItem(Item):
    """A Rule. It names interfaces, and the kernel takes the names whether there are such interfaces or not."""

    __slots__ = ()
    rank = 2
    what = "rule "
    gone = frozenset((0, ENOENT))
    is_listed = False
    thing: Rule

    def __init__(self, rule: Rule, _by_name: Mapping[str, Link]) -> None:
        self.thing = rule
        self.add, self.delete = rule_messages(rule)
        key = rule_key(self.delete)
        assert key is not None
        self.key = key
        super().__init__()

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    @property
    def indexes(self) -> tuple[int, ...]:
        return ()

    def is_current(self, by_name: Mapping[str, Link]) -> bool:
        return True


def _meaning(names: Iterable[str], by_name: Mapping[str, Link]) -> tuple[int, ...]:
    """The indexes of interfaces; 0 is one that does not exist."""
    links = (by_name.get(name) for name in names)
    return tuple(link.index if link is not None else 0 for link in links)


_ITEMS: dict[type, Callable[..., Item]] = {Vip: AddressItem, Route: RouteItem, Rule: RuleItem}


def make_item(thing: Thing, by_name: Mapping[str, Link]) -> Item:
    """Encode a thing on the interfaces that its names mean now."""
    return _ITEMS[type(thing)](thing, by_name)
