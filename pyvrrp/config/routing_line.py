"""What a line of a route and one of a rule have in common: words, one family, and options with one meaning in both."""

from __future__ import annotations

from typing import Any, ClassVar

from pyvrrp.config import names
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.words import LineFault, Words
from pyvrrp.routing import PROTOCOL_KEEPALIVED


class RoutingLine:
    """Goes through the words of one line, in their order."""

    what: ClassVar[str]  # how messages call it

    def __init__(self, statement: Statement, report: Report, *, is_static: bool) -> None:
        """is_static: the line stands outside instances."""
        self._statement = statement
        self._words = Words(statement)
        self._report = report
        self._is_static = is_static
        self._family = 0  # 4 or 6 once anything has settled it
        self._fields: dict[str, Any] = {}

    def _settle(self, family: int) -> None:
        """All addresses of a line are of one family. Raises LineFault."""
        if self._family and family != self._family:
            raise LineFault(
                self._words.at,
                f"{shown(self._statement.words[self._words.at])} is IPv{family} in an IPv{self._family} {self.what}; "
                "write addresses of one family",
                "routing-family",
            )
        self._family = family

    def _on_family_word(self) -> None:
        """An `inet` or `inet6` in front of an address."""
        for name in ("inet", "inet6"):
            if self._words.skip(name):
                self._on_family(name)

    def _on_family(self, word: str) -> None:
        self._settle(4 if word == "inet" else 6)

    def _on_tos(self, word: str) -> None:
        self._fields["tos"] = self._words.read(word, names.ds_field)

    def _on_realms(self, word: str) -> None:
        self._fields["realms"] = self._words.read(word, names.realms)

    def _on_protocol(self, word: str) -> None:
        self._fields["protocol"] = self._words.read(word, names.protocol)

    def _on_no_track(self, _word: str) -> None:
        self._fields["is_tracked"] = False

    def _on_track_group(self, word: str) -> None:
        group = self._words.value(word)
        if not self._is_static:
            raise LineFault(
                self._words.at - 1, f"track_group is for static {self.what}s only; remove it", "track-group-routing"
            )
        self._fields["track_group"] = group

    def _check_protocol(self) -> None:
        """What is tracked is known by its protocol, so that one is keepalived's."""
        fields = self._fields
        if fields.get("protocol", PROTOCOL_KEEPALIVED) != PROTOCOL_KEEPALIVED and fields.get("is_tracked", True):
            self._report.error(
                self._statement.where(),
                f"a {self.what} that is tracked has the protocol keepalived ({PROTOCOL_KEEPALIVED}), which is used; "
                "add no_track to keep yours",
                "tracked-protocol",
            )
            del fields["protocol"]
