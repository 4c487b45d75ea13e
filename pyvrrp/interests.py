"""Who has to be judged anew when an interface, an address or a script changes.

An interest says where, what kind and which: (network, "link", "eth0"), (network, "address", b"..."), (scope, "script",
"chk"). With thousands of
routers a change must find those that it concerns without asking all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
Interest = tuple[Hashable, str, str | bytes]


class Interests(Generic[T]):
    """An index both ways: whom an interest concerns, and what concerns one."""

    def __init__(self) -> None:
        self._of: dict[T, tuple[Interest, ...]] = {}
        self._in: dict[Interest, dict[T, None]] = {}        # ordered, so that runs repeat
        self._same: dict[Interest, Interest] = {}           # those of them

    def set(self, one: T, interests: Iterable[Interest]) -> None:
        """Replace the interests of `one`."""
        same = self._same               # an interest is shared by all who have it
        new = dict.fromkeys(same.setdefault(interest, interest) for interest in interests)
        old = self._of.get(one, ())
        for interest in old:
            if interest not in new:
                those = self._in[interest]
                del those[one]
                if not those:
                    del self._in[interest], self._same[interest]
        for interest in new:
            self._in.setdefault(interest, {})[one] = None
        self._of[one] = tuple(new)

    def drop(self, one: T) -> None:
        """Forget `one`."""
        self.set(one, ())
        del self._of[one]

    def concerned(self, interests: Iterable[Interest]) -> dict[T, None]:
        """Whom any of the interests concerns, in order of registration."""
        found: dict[T, None] = {}
        for interest in interests:
            found.update(self._in.get(interest, {}))
        return found
