"""The table of keywords for people: one keyword as text or as plain data, and all of them as a document and a man page.

What the parser takes and what is written here is the same table, so that neither can say what the other does not.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pyvrrp.config.keywords import INDEX, TABLE, TOP, Keyword, Kind
from pyvrrp.config.table.keyword import INT_MAX

_WIDTH = 80
_ARGUMENTS = {
    Kind.FLAG: "",
    Kind.BOOLEAN: "[on|true|yes|off|false|no]",
    Kind.TEXT: "WORD",
    Kind.TEXTS: "WORD ...",
    Kind.PATH: "PATH",
    Kind.INTEGER: "NUMBER",
    Kind.SECONDS: "SECONDS",
    Kind.ADDRESS: "ADDRESS",
    Kind.INTERFACE: "IF",
    Kind.COMMAND: '"COMMAND" [USER [GROUP]]',
    Kind.USER: "USER [GROUP]",
    Kind.WEIGHT: "NUMBER [reverse|noreverse]",
    Kind.BLOCK: "{ ... }",
    Kind.LINES: "{ ... }",
    Kind.WORDS: "{ ... }",
    Kind.FOREIGN: "...",
}


class Place(NamedTuple):
    """A keyword and the block that it stands in; "" is outside all blocks."""

    block: str
    keyword: Keyword

    @property
    def where(self) -> str:
        return f"in {self.block}" if self.block else "outside all blocks"


def find(word: str) -> list[Place]:
    """Every place of a keyword; of BLOCK.KEYWORD, that one."""
    block, dot, name = word.rpartition(".")
    if dot:
        found = INDEX.get(block, {}).get(name)
        return [Place(block, found)] if found else []
    return [Place(each, INDEX[each][word]) for each in INDEX if word in INDEX[each]]


def near(word: str) -> list[str]:
    """Keywords that someone may have meant by a word, the nearest first."""
    block, _, name = word.rpartition(".")
    known = INDEX[block] if block in INDEX and block else {each for keywords in INDEX.values() for each in keywords}
    return difflib.get_close_matches(name[:64], sorted(known), n=3, cutoff=0.7)


def usage(keyword: Keyword) -> str:
    """How a line of it looks."""
    takes = keyword.takes
    if keyword.is_block:
        name = " NAME" if keyword.named else ""
        return f"{keyword.name}{name} {{ {takes or '...'} }}"
    if not takes:
        takes = "|".join(keyword.choices) or _ARGUMENTS[keyword.kind]
        if not keyword.least and takes and takes[0] != "[" and keyword.kind is not Kind.FOREIGN:
            takes = f"[{takes}]"
    return f"{keyword.name} {takes}".rstrip()


def bounds(keyword: Keyword) -> str:
    """The range of a number, with its unit; "" where there is none."""
    unit = f" {keyword.unit}" if keyword.unit else ""
    if keyword.low == keyword.high:
        return ""
    if keyword.high >= INT_MAX:
        return f"{_number(keyword.low)}{unit} or more" if keyword.low > -INT_MAX else "any"
    return f"{_number(keyword.low)}..{_number(keyword.high)}{unit}"


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def doing(keyword: Keyword) -> str:
    """Whether pyvrrp does it, and what is different if not."""
    if keyword.is_done:
        return "yes"
    return f"{'in part' if keyword.partly else 'no'}: {keyword.without}"


def _facts(keyword: Keyword) -> Iterator[tuple[str, str]]:
    if keyword.alias:
        yield "old name of", keyword.alias
    if found := bounds(keyword):
        yield "range", found
    if keyword.default:
        unit = f" {keyword.unit}" if keyword.unit and keyword.default[-1].isdigit() else ""
        yield "default", keyword.default + unit
    if keyword.since:
        yield "since", "pyvrrp, not in keepalived" if keyword.since == "pyvrrp" else f"keepalived {keyword.since}"
    yield "done here", doing(keyword)


def text(places: Sequence[Place]) -> str:
    """Keywords as an operator reads them, one below the other; a block with what may stand in it."""
    parts = []
    for place in places:
        keyword = place.keyword
        lines = [f"{usage(keyword)}    ({place.where})", *_wrapped(keyword.meaning, "  ", "  ")]
        lines += [
            line for name, fact in _facts(keyword) for line in _wrapped(fact, f"  {name + ':':<13}", " " * 15)
        ]
        if keyword.name in TABLE and keyword.kind is Kind.BLOCK:
            lines += ["", "  in it:", *_listed(TABLE[keyword.name])]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def overview() -> str:
    """What may stand outside all blocks."""
    return "\n".join(["outside all blocks:", *_listed(TABLE[TOP]), ""])


def _listed(keywords: Sequence[Keyword]) -> list[str]:
    wide = min(30, max(len(keyword.name) for keyword in keywords))
    return [
        line
        for keyword in keywords
        for line in _wrapped(
            keyword.meaning + ("" if keyword.is_done else " Done in part." if keyword.partly else " Not done."),
            f"    {keyword.name:<{wide}}  ",
            " " * (wide + 6),
        )
    ]


def _wrapped(sentence: str, first: str, later: str) -> list[str]:
    width = max(_WIDTH, len(later) + 40)
    return textwrap.wrap(
        sentence, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def data(places: Sequence[Place]) -> list[dict[str, Any]]:
    """Keywords for programs."""
    return [
        {
            "name": place.keyword.name,
            "block": place.block,
            "usage": usage(place.keyword),
            "takes": place.keyword.kind.value,
            "meaning": place.keyword.meaning,
            "low": place.keyword.low if bounds(place.keyword) else None,
            "high": place.keyword.high if bounds(place.keyword) else None,
            "unit": place.keyword.unit or None,
            "default": place.keyword.default or None,
            "choices": list(place.keyword.choices),
            "since": place.keyword.since or None,
            "alias_of": place.keyword.alias or None,
            "done": place.keyword.is_done,
            "without": place.keyword.without or None,
            "keywords": [each.name for each in TABLE[place.keyword.name]]
            if place.keyword.kind is Kind.BLOCK
            else [],
        }
        for place in places
    ]


def everything() -> list[Place]:
    """All keywords of all blocks."""
    return [Place(block, keyword) for block, keywords in TABLE.items() for keyword in keywords]


def _blocks() -> Iterator[tuple[str, tuple[Keyword, ...]]]:
    """Each block, by its title, in the order of the table."""
    for block, keywords in TABLE.items():
        yield block or "Outside all blocks", keywords


def document() -> str:
    """All keywords as Markdown."""
    count = sum(len(keywords) for keywords in TABLE.values())
    done = sum(keyword.is_done for keywords in TABLE.values() for keyword in keywords)
    lines = [
        "# Keywords",
        "",
        "Made by `make docs` from the table that the parser uses (`pyvrrp/config/table`); a test compares the two.",
        "`pyvrrp explain KEYWORD` says the same for one. Ranges are inclusive. Where nothing else is said the last",
        "line of a keyword counts, and a line with a bad value is ignored.",
        "",
        f"Of {count} keywords {done} are done. Each of the others gives one warning for all its lines, which says what",
        "is different without it; its values are checked all the same.",
        "",
        *(f"- [{title}](#{title.lower().replace(' ', '-')})" for title, _ in _blocks()),
    ]
    for title, keywords in _blocks():
        lines += [
            "",
            f"## {title}",
            "",
            "| line | meaning | range | default | done |",
            "|---|---|---|---|---|",
        ]
        for keyword in keywords:
            line = f"`{usage(keyword)}`".replace("|", "\\|")
            cells = (line, _meaning(keyword), bounds(keyword), _cell(keyword.default), _cell(doing(keyword)))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _meaning(keyword: Keyword) -> str:
    since = {"": "", "pyvrrp": " pyvrrp's own."}.get(keyword.since, f" Since keepalived {keyword.since}.")
    return _cell(keyword.meaning + since)


def _cell(words: str) -> str:
    """Text in a table of Markdown: keywords in it stand as code."""
    return re.sub(r"\b\w*_\w+\b", r"`\g<0>`", words.replace("|", "\\|"))


_ROFF_HEAD = r""".\" Made by `make docs` from the table of keywords; edit pyvrrp/config/table instead.
.TH PYVRRP.CONF 5 "" "pyvrrp" "File Formats"
.SH NAME
pyvrrp.conf, keepalived.conf \- configuration of pyvrrpd
.SH DESCRIPTION
.BR pyvrrpd (8)
reads the VRRP part of the keepalived.conf files that it is given. A line is a keyword and its arguments; a block is a
keyword, for some a name, and lines in braces. What follows an unquoted
.B #
or
.B !
is a comment. Words in double quotes may hold blanks. Numbers are decimal; ranges are inclusive. Where nothing else is
said the last line of a keyword counts, and a line with a bad value is reported and ignored.
.PP
.B pyvrrp check
says everything that is wrong in a file;
.B pyvrrp explain
.I KEYWORD
says what is below of one keyword.
"""
_ROFF_TAIL = r""".SH FILES
.TP
.I /etc/keepalived/keepalived.conf
is read if no other file is given.
.SH EXAMPLE
.nf
vrrp_instance web {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {
        192.0.2.100/24
    }
}
.fi
.SH SEE ALSO
.BR ip (8),
.BR tcpdump (8);
RFC 3768, RFC 5798, RFC 9568
"""


def manual_page() -> str:
    """All keywords as pyvrrp.conf(5)."""
    parts = [_ROFF_HEAD]
    for title, keywords in _blocks():
        parts.append(f".SH {_roff(title).upper()}\n")
        for keyword in keywords:
            parts.append(f".TP\n.B {_roff(usage(keyword))}\n{_roff(keyword.meaning)}\n")
            if facts := [f"{name}: {fact}" for name, fact in _facts(keyword) if name != "done here"]:
                parts.append(f"({_roff('; '.join(facts))})\n")
            if not keyword.is_done:
                how = "Done in part" if keyword.partly else "Not done"
                parts.append(f".br\n{how}: {_roff(keyword.without)}.\n")
    return "".join([*parts, _ROFF_TAIL])


def _roff(words: str) -> str:
    escaped = words.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in {".", "'"} else escaped
