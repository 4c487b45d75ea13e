"""The files of a configuration to pieces: include, `@id`, `$NAME`, `~SEQ`, in one pass.

These work on whole lines and in the order of the file: a definition counts from its line on. Lines that hold none of
them, nearly all, go to the lexer in runs, as they are. A line that holds one is taken apart from its start, again and
again, because what replaces a name may begin with any of them:

    @id rest        rest, or nothing
    $NAME=value     a definition; with a \\ at its end the next lines belong to it
    include FILE    the pieces of the file
    ~SEQ(...) rest  rest, once for each value
    $NAME rest      what NAME stands for, then rest

What follows an opening or closing brace counts as the next line, here too.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyvrrp import limits
from pyvrrp.config import include
from pyvrrp.config.definitions import DEFINITION, BadUse, Definition, Definitions
from pyvrrp.config.include import Check
from pyvrrp.config.lexer import BLANKS, Lexer, Piece, again_at, clean, cut_comment, decode, unescaped
from pyvrrp.config.repeat import HEAD, BadRepeat, TooManyRounds, repeat
from pyvrrp.config.report import Report, shown, shown_path
from pyvrrp.config.source import Budget, Source, TooMuch, Unreadable, read, require_text
from pyvrrp.model import Where

_BLANK = f"[{BLANKS}]"
# Something in a line that concerns this module; seldom something else, which then goes through unchanged.
_LANGUAGE = re.compile(rf"[$~]|(?:^|[{{}}]){_BLANK}*+(?:@|include|random_seed)", re.MULTILINE)
_INCLUDE = re.compile(rf"(include[rmwba]?)(?:{_BLANK}++(.*))?\Z", re.DOTALL)
_INCLUDE_CHECK = re.compile(rf"include_check(?:{_BLANK}++([^{{}}]*+))?(?=[{{}}]|\Z)")
_RANDOM_SEED = re.compile(rf"random_seed{_BLANK}++([0-9]{{1,18}}){_BLANK}*+(?=[{{}}]|\Z)")
_CONDITION = re.compile(rf"@(\^?)([^{BLANKS}]*+){_BLANK}*+")
# After a brace: what would begin a line.
_AGAIN = re.compile(rf"[{{}}]{_BLANK}*+(?:@|~(?:SEQ|LST)|include|random_seed|\$[A-Za-z_]\w*=)")


def has_language(text: str) -> bool:
    """Whether any line of a text concerns this module. Takes next to no time where none does."""
    if "$" in text or "~" in text:
        return True
    return ("@" in text or "include" in text or "random_seed" in text) and _LANGUAGE.search(text) is not None


_NO_FILE = (0, 0)  # device and inode of what came in as a text


class Text:
    """Reads the files of one load."""

    def __init__(
        self,
        report: Report,
        *,
        config_id: str,
        all_config: bool = False,
        overlay: Mapping[str, bytes] | None = None,
        keeps: bool = False,
    ) -> None:
        """config_id: what `@id` is compared with. all_config: every missing include is an error (-e).

        overlay: what is read in place of what these files hold, by path. keeps: remember what they hold.
        """
        self._report = report
        self._overlay = overlay or {}
        self._held, self._used = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
        # By the names that messages have: the path, and what the file holds.
        self.kept: dict[str, tuple[str, bytes]] | None = {} if keeps else None
        self._config_id = config_id
        self._budget = Budget()
        self._definitions = Definitions(config_id=config_id, budget=self._budget)
        self._level = Check.ALL if all_config else Check.NONE
        self._open: list[tuple[int, int]] = []  # device and inode of each file that is being read
        self.is_whole = True  # no file is missing that must be there

    def pieces(self, path: str, data: bytes | None = None) -> Iterator[Piece]:
        """The pieces of the main file and of all that it includes. data: its text, where it is read already.

        Raises Unreadable and TooMuch.
        """
        if data is not None:
            require_text(data, self._budget.bytes_left)
            yield from self._file(path, data, _NO_FILE, 0)
            return
        data, status = read(path, self._budget.bytes_left)
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o111:
            self._report.warning(
                Where(clean(path)), "the file is executable, and keepalived does not read such a file; chmod -x it",
                "file-executable",
            )
        yield from self._file(path, self._taken(path, data), (status.st_dev, status.st_ino), 0)

    @property
    def digest(self) -> bytes:
        """Of all files that were read, as they are on disk: another one where any of them holds something else."""
        return self._held.digest()

    @property
    def digest_used(self) -> bytes:
        """The same of what was read in their place: what digest would be if the overlay were written to them."""
        return self._used.digest()

    def _taken(self, path: str, data: bytes) -> bytes:
        """What is read of a file that holds `data`. Raises Unreadable."""
        used = self._overlay.get(path, data)
        if used is not data:
            require_text(used, self._budget.bytes_left)
        name = path.encode("utf-8", "surrogateescape")
        for digest, each in ((self._held, data), (self._used, used)):
            digest.update(b"%d %d " % (len(name), len(each)))
            digest.update(name)
            digest.update(each)
        if self.kept is not None:
            self.kept[clean(path)] = path, data
        return used

    def _file(self, path: str, data: bytes, identity: tuple[int, int], depth: int) -> Iterator[Piece]:
        self._budget.bytes_left -= len(data)
        self._open.append(identity)
        level = self._level
        try:
            yield from _File(self, path, decode(data), depth).pieces()
        finally:
            self._level = level
            self._open.pop()

    # include

    def included(self, word: str, pattern: str, path: str, where: Where, depth: int) -> Iterator[Piece]:
        """The pieces of the files that an include names. depth: of the line, in definitions and files."""
        check = include.WORDS[word] | self._level
        try:
            for match in include.matches(pattern, str(Path(path).parent), lambda: self._budget.name(where)):
                self._budget.file(where)
                if match.problem:
                    self._missing(
                        where,
                        f"{shown_path(clean(match.path))} is not included: {match.problem}",
                        "not-included",
                        match,
                        check,
                    )
                elif match.check is Check.WILDCARD_MATCH:
                    if Check.WILDCARD_MATCH in check:
                        self._missing(
                            where, f"no file matches {shown(pattern)}; add one", "include-no-match", match, check
                        )
                else:
                    yield from self._include(match, check, path, where, depth)
        except include.TooMany:
            raise TooMuch(
                where,
                f"the braces make more than {limits.INCLUDE_ALTERNATIVES_MAX} names; write several includes",
                "include-braces",
            ) from None

    def _include(self, match: include.Match, check: Check, path: str, where: Where, depth: int) -> Iterator[Piece]:
        name = shown_path(clean(match.path))
        if len(self._open) > limits.INCLUDE_DEPTH_MAX:
            raise TooMuch(
                where,
                f"more than {limits.INCLUDE_DEPTH_MAX} files include one another; include less deep",
                "include-depth",
            )
        try:
            data, status = read(match.path, self._budget.bytes_left)
        except Unreadable as problem:
            self._missing(where, f"{name} is not included: {problem}", "not-included", match, check)
            return
        identity = status.st_dev, status.st_ino
        if identity in self._open:
            message = f"{name} includes itself, so it is left out here; remove this line"
            self._report.structure(where, message, "include-itself")
            return
        self._definitions.enter(match.path)
        yield from self._file(match.path, self._taken(match.path, data), identity, depth + 1)
        self._definitions.enter(path)

    def _missing(self, where: Where, message: str, code: str, match: include.Match, check: Check) -> None:
        if match.check in check:
            self.is_whole = False
            self._report.structure(where, f"{message} (it must be there, so nothing is run without it)", code)
        else:
            self._report.warning(where, message, code)

    def set_level(self, words: list[str], where: Where) -> None:
        """include_check."""
        self._level, unknown = include.level(words, self._level)
        if unknown:
            self._report.error(
                where,
                f"include_check {shown(unknown[0])} is not known and ignored; "
                f"write {', '.join(include.CHECKS)}, each with + or - before it if need be",
                "include-check-word",
            )

    def holds(self, condition: re.Match[str]) -> bool:
        """Whether the line after `@id` or `@^id` counts."""
        return (condition[2] == self._config_id) != bool(condition[1])

    @property
    def definitions(self) -> Definitions:
        return self._definitions

    @property
    def budget(self) -> Budget:
        return self._budget

    @property
    def report(self) -> Report:
        return self._report


class _Line:
    """A line on its way: what is left of it, where it was written, and what has become of it."""

    __slots__ = ("column", "depth", "number", "source", "text", "used_in")

    def __init__(self, text: str, source: Source, number: int, column: int, depth: int, used_in: str) -> None:
        self.text = text
        self.source = source
        self.number = number
        self.column = column  # of all its pieces; 0: it is as written, and each has its own
        self.depth = depth  # of definitions and repetitions
        self.used_in = used_in  # file and line that were read

    def where(self) -> Where:
        column = self.column or len(self.text) - len(self.text.lstrip(BLANKS)) + 1
        return self.source.where(self.number, column, self.text)


class _File:
    """Reads one file."""

    def __init__(self, layer: Text, path: str, text: str, depth: int) -> None:
        self._layer = layer
        self._definitions = layer.definitions
        self._report = layer.report
        self._budget = layer.budget
        self._path = path
        self._name = clean(path)
        self._text = text
        self._depth = depth  # files and definitions in one another share one bound: they share one stack
        self._at = 0  # where the next line begins
        self._number = 1  # and which it is
        self._lexer = Lexer(self._name, layer.report)
        self._made = Source(self._name, is_written=False)

    def pieces(self) -> Iterator[Piece]:
        """All of the file. Raises TooMuch."""
        text = self._text
        self._budget.text(text, Where(self._name))
        if not has_language(text):
            yield from self._lexer.pieces(text)
            return
        self._definitions.enter(self._path)
        while (found := _LANGUAGE.search(text, self._at)) is not None:
            start = text.rfind("\n", self._at, found.end()) + 1 or self._at
            if start > self._at:
                yield from self._lexer.pieces(text[self._at : start - 1], self._number)
                self._number += text.count("\n", self._at, start)
                self._at = start
            number = self._number
            used_in = f"{self._name}:{number}"
            yield from self._line(_Line(self._next_line(), self._lexer.source, number, 0, self._depth, used_in))
        yield from self._lexer.pieces(text[self._at :], self._number)

    def _next_line(self) -> str:
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        line = self._text[self._at : end]
        self._at = min(end + 1, len(self._text))
        self._number += 1
        return line

    def _line(self, line: _Line) -> Iterator[Piece]:
        """The pieces of one line: what it begins with, for as long as that concerns us; then the rest."""
        if line.depth > limits.DEFINITION_DEPTH_MAX:
            self._refuse(line, f"repetitions nest more than {limits.DEFINITION_DEPTH_MAX} deep", "repeat-deep")
            return
        if line.source.is_written and line.text.lstrip(BLANKS).startswith("@!"):
            self._report.warning(
                line.where(),
                "@! begins a comment, so the line is left out; write @^ for all but one id",
                "condition-bang",
            )
        line.text = cut_comment(line.text)
        may_be_conditional = True
        while start := line.text.lstrip(BLANKS):
            first = start[0]
            if first == "@" and may_be_conditional:
                condition = _CONDITION.match(start)
                if condition is None or not self._layer.holds(condition):
                    return
                may_be_conditional = False
                self._shorten(line, start[condition.end() :])
            elif first == "$" and (definition := DEFINITION.match(start)) is not None:
                self._define(definition, line)
                return
            elif first == "$" and (used := self._definitions.at_start(start)) is not None:
                definition_used, end = used
                if definition_used.is_long:
                    if start[end:].strip(BLANKS):
                        break  # which is a fault that expand() tells of
                    yield from self._long(definition_used, "", line)
                    return
                if not self._become(line, cut_comment(definition_used.lines[0][1] + start[end:])):
                    return
                may_be_conditional = True
            elif first == "~" and (head := HEAD.match(start)) is not None:
                yield from self._repeat(head, start, line)
                return
            elif first == "i" and (named := _INCLUDE.match(start)) is not None:
                yield from self._include(named, line)
                return
            elif first == "i" and (checked := _INCLUDE_CHECK.match(start)) is not None:
                self._layer.set_level((checked[1] or "").split(), line.where())
                self._shorten(line, start[checked.end() :])
            elif first == "r" and (seed := _RANDOM_SEED.match(start)) is not None:
                self._definitions.seed(int(seed[1]))
                self._shorten(line, start[seed.end() :])
            elif at := again_at(line.text, _AGAIN):
                rest = line.text[at:]
                before = _Line(line.text[:at], line.source, line.number, line.column, line.depth, line.used_in)
                yield from self._rest(before)
                self._shorten(line, rest)
                may_be_conditional = True
            else:
                break
        if start:
            yield from self._rest(line)

    def _shorten(self, line: _Line, rest: str) -> None:
        """Take from the start of a line. As long as it is as written, its columns hold."""
        line.text = rest if line.column else rest.rjust(len(line.text))
        self._budget.made(line.text, line.where())

    def _become(self, line: _Line, text: str) -> bool:
        """Let a line read as it was not written. False: it did so too often, which is reported."""
        if not line.column:
            line.column = len(line.text) - len(line.text.lstrip(BLANKS)) + 1
            line.source = self._made if line.source.is_written else line.source
        line.text = text
        line.depth += 1
        self._budget.made(text, line.where())
        if line.depth > limits.DEFINITION_DEPTH_MAX:
            self._refuse(
                line,
                f"a definition uses itself, or others more than {limits.DEFINITION_DEPTH_MAX} deep",
                "definition-deep-line",
            )
            return False
        return True

    def _refuse(self, line: _Line, message: str, code: str) -> None:
        self._report.structure(line.where(), f"{message}; the line is left out, mend it", code)

    def _rest(self, line: _Line) -> Iterator[Piece]:
        """A line that begins with nothing of ours: replace the names in it, and cut it."""
        if "$" in line.text:
            try:
                text, last = self._definitions.expand(line.text, line.where())
            except BadUse as problem:
                self._report.structure(line.where(), str(problem), problem.code)
                return
            if last is not None:
                yield from self._long(last, text, line)
                return
            if text != line.text and not self._become(line, text):
                return
        if "~" in line.text and '"' not in line.text and HEAD.search(line.text) is not None:
            self._report.warning(
                line.where(),
                "~SEQ and ~LST repeat a line only from its start; here they are words like others",
                "repeat-inside",
            )
        if line.column:
            self._budget.text(line.text, line.where())
        yield from self._lexer.pieces(line.text, line.number, line.source, line.column)

    def _define(self, definition: re.Match[str], line: _Line) -> None:
        """`$NAME=value`, and the lines after it while they end in a backslash."""
        value, goes_on = _continued(definition.string[definition.end() :])
        lines = [(line.number, value)]
        goes_on = goes_on and not line.column
        while goes_on and self._at < len(self._text):
            number, written = self._number, self._next_line()
            text, goes_on = _continued(written)
            if text.strip(BLANKS):
                lines.append((number, text))
            elif written.strip(BLANKS):
                goes_on = True  # a line that is a comment only
        self._definitions.define(definition[1], lines, self._name)

    def _long(self, definition: Definition, before: str, line: _Line) -> Iterator[Piece]:
        """The lines of a definition; `before` stands before the first."""
        if line.depth >= limits.DEFINITION_DEPTH_MAX:
            deep = limits.DEFINITION_DEPTH_MAX
            self._refuse(
                line, f"${definition.name} uses itself, or others more than {deep} deep", "definition-long-deep"
            )
            return
        use = f"from ${definition.name}, used in {line.used_in}"
        source = Source(definition.file, is_written=False, use=use)
        for i, (number, text) in enumerate(definition.lines):
            column = len(text) - len(text.lstrip(BLANKS)) + 1
            made = _Line(text, source, number, column, line.depth + 1, line.used_in)
            if i == 0 and before.strip(BLANKS):
                column = line.column or len(line.text) - len(line.text.lstrip(BLANKS)) + 1
                made = _Line(before + text, self._source_of(line), line.number, column, line.depth + 1, line.used_in)
            self._budget.made(made.text, line.where())
            yield from self._line(made)

    def _source_of(self, line: _Line) -> Source:
        return self._made if line.source.is_written else line.source

    def _repeat(self, head: re.Match[str], start: str, line: _Line) -> Iterator[Piece]:
        """The rest of a line, once for each round."""
        kind = head[1]
        try:
            end = start.find(")", head.end())
            if end < 0:
                raise BadRepeat("the ) is missing; add it after the last argument", "repeat-parenthesis")
            arguments = start[head.end() : end]
            if kind != "LST":  # whose values are replaced when they are used
                arguments, _ = self._definitions.expand(arguments, line.where())
            repeated = repeat(kind, arguments)
        except (BadRepeat, BadUse) as problem:
            self._report.structure(line.where(), f"~{kind}: {problem}; the line is left out", problem.code)
            return
        except TooManyRounds as problem:
            raise TooMuch(line.where(), str(problem), problem.code) from None
        rest = start[end + 1 :]
        column = line.column or len(line.text) - len(start) + 1
        source = self._source_of(line)
        for values in repeated.rounds:
            for name, value in zip(repeated.names, values, strict=True):
                self._definitions.define(name, [(line.number, value)], self._name)
            self._budget.made(rest, line.where())
            yield from self._line(_Line(rest, source, line.number, column, line.depth + 1, line.used_in))

    def _include(self, named: re.Match[str], line: _Line) -> Iterator[Piece]:
        pattern = (named[2] or "").rstrip(BLANKS)
        if not pattern:
            message = f"{named[1]} lacks its file; write one, or a pattern as conf.d/*.conf"
            self._report.error(line.where(), message, "include-nothing")
            return
        if "$" in pattern:
            try:
                pattern, last = self._definitions.expand(pattern, line.where())
            except BadUse as problem:
                self._report.structure(line.where(), str(problem), problem.code)
                return
            if last is not None:
                self._refuse(line, f"${last.name} has several lines, so it names no file", "include-long-definition")
                return
        yield from self._layer.included(named[1], pattern, self._path, line.where(), line.depth)


def _continued(line: str) -> tuple[str, bool]:
    """A line of a definition without comment and backslash; and whether the next belongs to it."""
    text = line.rstrip(BLANKS)
    goes_on = text.endswith("\\")
    if goes_on:
        text = text[:-1]
    return unescaped(cut_comment(text)).rstrip(BLANKS), goes_on
