"""Edits of the text of a keepalived.conf: whole blocks are replaced, removed and added. Pure.

Every byte that belongs to none of them stays: comments, includes, empty lines, another layout. A block that is added
stands at the end behind an empty line, and one that is removed takes an empty line with it: so what was added and is
removed again leaves the text as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyvrrp.config.lexer import BLANKS
from pyvrrp.config.outline import Span


def edited(text: str, changes: Mapping[Span, str | None], added: Iterable[str] = ()) -> str:
    """A text with some of its blocks changed. changes: the new text of each, without a newline at its end; None: none.

    added: the texts of new blocks. Lines end as those of the text do.
    """
    cr = "\r" if "\r\n" in text else ""
    lines = text.split("\n")
    for span in sorted(changes, reverse=True):
        new = changes[span]
        if new is None:
            _remove(lines, span)
        else:
            behind = lines[span.last - 1][span.end :]
            own = new.split("\n")
            lines[span.first - 1 : span.last] = [*(f"{line}{cr}" for line in own[:-1]), own[-1] + behind]
    text = "\n".join(lines)
    for block in added:
        if text and not text.endswith("\n"):
            text += f"{cr}\n"
        own = block.split("\n")
        text += "".join(f"{line}{cr}\n" for line in ([""] if text else []) + own)
    return text


def _remove(lines: list[str], span: Span) -> None:
    at = span.first - 1
    del lines[at : span.last]
    is_followed_by_nothing = len(lines) - at <= 1 and not "".join(lines[at:])
    if at and _is_empty(lines[at - 1]):
        if is_followed_by_nothing or _is_empty(lines[at]):
            del lines[at - 1]
    elif not at and len(lines) > 1 and _is_empty(lines[0]):
        del lines[0]


def _is_empty(line: str) -> bool:
    return not line.strip(BLANKS)
