"""A transaction: blocks are put into the text of a configuration and removed from it, and what comes of that is judged.

All or nothing. The text is read twice, as it is and as it would be: what is wrong with the second and was not with the
first refuses the transaction, and so does whatever is wrong in a block that is put. Nothing is written here.

A message about a block that is put names its place in the text that was given, `put[0]:3:5`: so every word of the new
text is known by its number, whatever its layout became.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyvrrp import limits
from pyvrrp.config.edit import edited
from pyvrrp.config.format import formatted
from pyvrrp.config.lexer import Piece, clean, decode, word_columns
from pyvrrp.config.load import Loaded, loaded_from
from pyvrrp.config.outline import NAMED, Block, Key, Outline, Span, language
from pyvrrp.config.parser import parse
from pyvrrp.config.report import Report, shown, shown_path
from pyvrrp.config.source import TooMuch, Unreadable
from pyvrrp.config.text import Text
from pyvrrp.model import Diagnostic, Where

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a daemon reads and how; as in load(). overlay: what runs in place of what its files hold, by path."""

    path: str
    config_id: str
    interfaces: frozenset[str] | None
    all_config: bool = False
    overlay: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. Refused: `loaded` is None, and `diagnostics` or `refusal` say why."""

    refusal: str = ""                               # concerning no place in a text
    diagnostics: tuple[Diagnostic, ...] = ()        # of the blocks that are put, and of what they spoil
    loaded: Loaded | None = None
    digest: bytes = b""                             # of the files once they are written; see Text.digest
    # To be written, by path: what they hold, and shall.
    files: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)


class _Refused(Exception):
    """What is wrong concerns the files as they are, not a text that was given."""


def transact(reading: Reading, digest: bytes, put: Sequence[str], remove: Iterable[Key]) -> Outcome:
    """Put blocks into a configuration, each in place of the one of its name, and remove others.

    digest: that of the files when the daemon read them. put: text of whole blocks.
    """
    try:
        given = _Given(put, remove, reading.config_id)
        if given.diagnostics:
            return Outcome(diagnostics=given.diagnostics)
        before = _Read(reading, reading.overlay)
        if before.loaded.configuration is None:
            return Outcome(diagnostics=before.loaded.diagnostics)
        if before.loaded.digest != digest:
            raise _Refused(
                f"{shown_path(clean(reading.path))}, or a file that it includes, was changed since the daemon read it; "
                "reload first, pyvrrp plan shows what that does"
            )
        overlay = given.applied_to(before)
        after = _Read(reading, overlay)
        if after.loaded.digest != digest:
            raise _Refused(f"{shown_path(clean(reading.path))} was changed in this moment; do it again")
    except _Refused as refused:
        return Outcome(refusal=str(refused))
    if after.loaded.configuration is None:
        return Outcome(diagnostics=after.loaded.diagnostics)
    found, is_wrong = given.judged(before, after)
    if is_wrong:
        return Outcome(diagnostics=found)
    if given.expected(before) != after.meaning:
        return Outcome(refusal="with these blocks the file would read as something else; please report this fault")
    held = {path: data for path, data in before.kept.values() if path in overlay and overlay[path] != data}
    return Outcome(
        diagnostics=found, loaded=after.loaded, digest=after.digest,
        files={path: (data, overlay[path]) for path, data in held.items()},
    )


class _Read:
    """The files, read with something in the place of some."""

    def __init__(self, reading: Reading, overlay: Mapping[str, bytes]) -> None:
        report = Report()
        text = Text(
            report, config_id=reading.config_id, all_config=reading.all_config, overlay=overlay, keeps=True
        )
        self.outline = Outline()
        self.overlay = overlay
        self.loaded = loaded_from(
            text, self.outline.watch(text.pieces(reading.path)), reading.path, report, interfaces=reading.interfaces
        )
        assert text.kept is not None
        self.kept = text.kept
        self.path = reading.path
        self.digest = text.digest_used

    def data(self, path: str, held: bytes) -> bytes:
        """What is read of a file that holds `held`."""
        return self.overlay.get(path, held)

    @property
    def meaning(self) -> Counter[tuple[tuple[str, ...], ...]]:
        """Its blocks, and each line outside of them, wherever they stand."""
        return Counter(
            [block.meaning for block in self.outline.blocks] + [(tuple(piece.words),) for piece in self.outline.loose]
        )


class _Given:
    """What was asked for. `diagnostics`: what is wrong with the texts alone."""

    def __init__(self, put: Sequence[str], remove: Iterable[Key], config_id: str) -> None:
        self.blocks: dict[Key, Block] = {}
        self._lines: dict[str, list[str]] = {}      # of each text
        self._removed = dict.fromkeys(remove)
        self._report = Report()
        for number, text in enumerate(put):
            self._read(f"put[{number}]", text, config_id)
        for key in self._removed:
            if key.kind not in NAMED.values():
                self._report.error(
                    Where("remove"), f"{shown(key.kind)} blocks cannot be removed by name; {_KINDS}", "transaction-kind"
                )
            if key in self.blocks:
                self._report.error(
                    _where(self.blocks[key]), f"{_shown(key)} is put and removed; leave one out", "transaction-both"
                )
        if len(self.blocks) + len(self._removed) > limits.TRANSACTION_BLOCKS_MAX:
            most = limits.TRANSACTION_BLOCKS_MAX
            self._report.error(
                Where("put"), f"a transaction may change {most} blocks; make several", "transaction-many"
            )
        self.diagnostics = self._report.finish()

    def _read(self, name: str, text: str, config_id: str) -> None:
        lines = self._lines[name] = text.removeprefix("\ufeff").split("\n")
        for number, line in enumerate(lines, 1):
            if (found := language(line)) is not None:
                self._report.error(
                    Where(name, number, 1),
                    f"a transaction takes blocks as they are, without {found}; write what it stands for",
                    "transaction-language",
                )
                return
        outline = Outline()
        alone = Report()        # what is no matter of braces and quotes is told of the text in its place
        source = Text(alone, config_id=config_id)
        try:
            parse(outline.watch(source.pieces(name, text.encode("utf-8", "surrogateescape"))), alone)
        except TooMuch as problem:
            self._report.add(Diagnostic(problem.where, str(problem), problem.code))
            return
        except Unreadable as problem:
            self._report.add(Diagnostic(Where(name), str(problem), problem.code))
            return
        structural = [fault for fault in alone.finish() if fault.is_structural]
        for fault in structural:
            self._report.add(fault)
        if structural:
            return
        for piece in outline.loose:
            self._report.error(
                piece.source.where(piece.line, piece.column), "this line stands in no block; put whole blocks",
                "transaction-loose",
            )
        if not outline.blocks and not outline.loose:
            self._report.error(Where(name), f"no block is in this text; {_KINDS}", "transaction-empty")
        for block in outline.blocks:
            self._take(block, lines)

    def _take(self, block: Block, lines: Sequence[str]) -> None:
        where, key = _where(block), block.key
        if key is None:
            word = shown(block.pieces[0].words[0])
            self._report.error(where, f"{word} is no block with a name; {_KINDS}", "transaction-unnamed")
        elif why := block.why_not_plain(lines):
            self._report.error(where, f"{_shown(key)} cannot be put: {why}", "transaction-not-plain")
        elif key in self.blocks:
            first = self.blocks[key].place
            self._report.error(
                where, f"{_shown(key)} is put twice, first at {first}; leave one out", "transaction-twice"
            )
        else:
            self.blocks[key] = block

    # ---- into the text

    def applied_to(self, read: _Read) -> dict[str, bytes]:
        """The overlay with which the configuration is as it was asked for. Raises _Refused."""
        there = read.outline.by_key()
        texts = {name: decode(read.data(*held)) for name, held in read.kept.items()}
        lines = {name: text.split("\n") for name, text in texts.items()}
        changes: dict[str, dict[Span, str | None]] = {}
        added = []
        for key in (*self.blocks, *self._removed):
            new = self.blocks.get(key)
            old = _only(key, there.get(key, ()), lines)
            if old is None and new is None:
                raise _Refused(f"there is no {_shown(key)} in {shown_path(clean(read.path))}; correct the name")
            text = None if new is None else self._text(new)
            if old is None:
                assert text is not None
                added.append(text)
            elif new is None or _canonical(old) != _canonical(new):     # one that says the same stays as it is written
                changes.setdefault(old.file, {})[old.span] = text
        main = next(name for name, (path, _) in read.kept.items() if path == read.path)
        overlay = dict(read.overlay)
        for name, text in texts.items():
            if name not in changes and not (added and name == main):
                continue
            path, held = read.kept[name]
            after = edited(text, changes.get(name, {}), added if name == main else ())
            bom = _BOM if read.data(path, held).startswith(_BOM) else b""
            overlay[path] = bom + after.encode("utf-8", "surrogateescape")
        return overlay

    def _text(self, block: Block) -> str:
        return formatted(block.text(self._lines[block.file])).rstrip("\n")

    def expected(self, read: _Read) -> Counter[tuple[tuple[str, ...], ...]]:
        """What the configuration has to mean afterwards."""
        meaning = read.meaning
        for block in read.outline.blocks:
            if (key := block.key) is not None and (key in self.blocks or key in self._removed):
                meaning[block.meaning] -= 1
        meaning.update(block.meaning for block in self.blocks.values())
        return +meaning

    # ---- what came of it

    def judged(self, before: _Read, after: _Read) -> tuple[tuple[Diagnostic, ...], bool]:
        """What is to be told, with its place in the texts that were given; and whether it refuses the transaction."""
        there = after.outline.by_key()
        places = _Places()
        for key, block in self.blocks.items():
            for new in there.get(key, ()):
                places.add(new, block)
        own: list[Diagnostic] = []
        beside: list[Diagnostic] = []
        for found in after.loaded.diagnostics:
            where = places.given(found.where)
            if where is not None:
                own.append(dataclasses.replace(found, where=where))
            elif found.is_error or found.is_structural:
                beside.append(found)
        if beside:
            old = _moved(before.outline.blocks, after.outline.blocks)
            beside = [dataclasses.replace(found, where=old.given(found.where) or found.where) for found in beside]
        spoilt = [*_more(beside, [found for found in before.loaded.diagnostics if found.is_error])]
        spoilt += [found for found in beside if found.is_structural and found not in spoilt]
        return (*own, *spoilt), bool(spoilt) or any(found.is_error for found in own)


class _Places:
    """Where the words of new text stood in the text that was given."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, int], list[tuple[Piece, Piece]]] = {}

    def add(self, new: Block, given: Block) -> None:
        """Both have the same words."""
        for there, here in zip(new.pieces, given.pieces, strict=False):
            self._pieces.setdefault((there.source.file, there.line), []).append((there, here))

    def given(self, where: Where) -> Where | None:
        """The place in the text that was given; None: it is none of ours."""
        pieces = self._pieces.get((where.file, where.line))
        if pieces is None:
            return None
        there, here = next((pair for pair in reversed(pieces) if pair[0].column <= where.column), pieces[0])
        columns, own = word_columns(there.text), word_columns(here.text)
        offset = where.column - there.column
        word = max((number for number, column in enumerate(columns) if column <= offset), default=0)
        column = here.column + own[min(word, len(own) - 1)] if own else here.column
        return Where(here.source.file, here.line, column, where.origin)


def _moved(before: Iterable[Block], after: Iterable[Block]) -> _Places:
    """Where the words of each block stood before the edit."""
    there: dict[object, list[Block]] = {}
    for block in before:
        there.setdefault(block.meaning, []).append(block)
    places = _Places()
    for block in after:
        if old := there.get(block.meaning):
            places.add(block, old.pop(0))
    return places


def _more(after: Sequence[Diagnostic], before: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """The errors of which there are more than before. Codes are counted: a message may name a line, and lines move."""
    counted = Counter(found.code for found in before)
    messages = {found.message for found in before}
    for code, count in Counter(found.code for found in after).items():
        if count > counted[code]:
            same = [found for found in after if found.code == code]
            yield from [found for found in same if found.message not in messages] or same


def _only(key: Key, blocks: Sequence[Block], lines: Mapping[str, Sequence[str]]) -> Block | None:
    """The block of a name, which is plain; None: there is none. Raises _Refused."""
    if not blocks:
        return None
    if len(blocks) > 1:
        places = " and ".join(block.place for block in blocks[:2])
        raise _Refused(f"{_shown(key)} is defined more than once, at {places}; remove one there")
    (block,) = blocks
    if why := block.why_not_plain(lines[block.file]):
        raise _Refused(
            f"{block.place}: {_shown(key)} cannot be changed by a transaction: {why}; edit the file, and reload"
        )
    return block


def _canonical(block: Block) -> str:
    """Its text without comments and in one layout."""
    return formatted("\n".join(piece.text for piece in block.pieces))


def _where(block: Block) -> Where:
    head = block.pieces[0]
    return head.source.where(head.line, head.column + word_columns(head.text)[0])


def _shown(key: Key) -> str:
    return f"{key.kind} {shown(key.name)}"


_KINDS = f"a transaction takes {', '.join(dict.fromkeys(NAMED.values()))}"
