"""From results to a verdict: keepalived's rise and fall (rule T3). Pure.

One counter in 0 .. rise + fall - 1 says everything; it is up from `rise` on. A success below goes one up, a
success from the threshold on refills it; a failure above the threshold goes one down, a failure below
zeroes it. So `rise` successes in a row bring it up, `fall` failures in a row take it down, and any opposite
result starts the count anew. It begins at rise - 1 and undecided: the very first result decides, whatever
it is. With keepalived's `init_fail` it begins as failed instead, and needs `rise` successes (rule T6).
"""

from __future__ import annotations


class Verdict:
    """Whether something counts as up, given `rise` and `fall` (1 or more). `up` is None until the first
    result, unless it `starts_failed`.
    """

    __slots__ = ("_count", "fall", "rise", "up")

    def __init__(self, *, rise: int, fall: int, starts_failed: bool = False) -> None:
        assert min(rise, fall) >= 1, "the configuration keeps them at 1 or more"
        self.rise = rise
        self.fall = fall
        self.up: bool | None = False if starts_failed else None
        self._count = 0 if starts_failed else rise - 1

    @property
    def is_settled(self) -> bool:
        """Whether more results like the last one change nothing any more."""
        return self.up is not None and self._count in (0, self.rise + self.fall - 1)

    def add(self, ok: bool) -> bool:
        """Count one result; return whether `up` changed. The first one always changes it."""
        before = self.up
        if ok:
            if self._count < self.rise - 1:
                self._count += 1
            else:
                self._count = self.rise + self.fall - 1
        elif self._count > self.rise:
            self._count -= 1
        else:
            self._count = 0
        if before is None:
            self.up = ok
        else:
            self.up = self._count >= self.rise
        return self.up is not before

    def resize(self, *, rise: int, fall: int) -> None:
        """Take new settings from a reload and keep what was decided and counted (rule Q5)."""
        if self.up is None:
            count = rise - 1
        elif self.up:
            failures = self.rise + self.fall - 1 - self._count
            count = max(rise, rise + fall - 1 - failures)
        else:
            count = min(self._count, rise - 1)
        self.rise, self.fall, self._count = rise, fall, count
