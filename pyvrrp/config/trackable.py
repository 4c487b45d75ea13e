"""track_file and vrrp_track_process: blocks that define what can be tracked, to their values.

One that lacks what it is about (its file, its process) cannot be tracked; why is kept, for the lines that name it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyvrrp.config.commands import UnclosedQuote, cut_line
from pyvrrp.config.keywords import INDEX
from pyvrrp.config.lexer import word_columns
from pyvrrp.config.named import named
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.trackers import Defined, read_weight
from pyvrrp.config.values import BadValue, integer, seconds_us
from pyvrrp.model import Match, TrackFile, TrackProcess

NUMBER_MAX = 254  # weights of what is counted, not judged
_COMM_MAX = 15  # bytes of a process name that the kernel keeps (TASK_COMM_LEN without its NUL)
_I32_MAX = 0x7FFFFFFF


class Trackables:
    """The definitions of a file, read block by block; the first of a name counts."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.files: dict[str, TrackFile] = {}
        self.processes: dict[str, TrackProcess] = {}
        self._unusable_files: dict[str, str] = {}
        self._unusable_processes: dict[str, str] = {}

    def read_files(self, blocks: Sequence[Statement]) -> Defined:
        """The track_file blocks; returns what lines of track_file may name."""
        for name, block in named(blocks, self._report):
            self._file(name, block)
        return Defined("track_file", self.files, self._unusable_files, NUMBER_MAX, "number")

    def read_processes(self, blocks: Sequence[Statement]) -> Defined:
        """The vrrp_track_process blocks; returns what lines of track_process may name."""
        for name, block in named(blocks, self._report):
            self._process(name, block)
        return Defined("vrrp_track_process", self.processes, self._unusable_processes, NUMBER_MAX, "absence")

    def _file(self, name: str, block: Statement) -> None:
        path = ""
        weight, reverse = 1, False
        initial: int | None = None
        overwrite = False
        for statement in block.statements:
            keyword = statement.words[0]
            if keyword == "file":
                if path:
                    self._first_counts(statement)
                else:
                    path = statement.words[1]
            elif keyword == "weight":
                read = read_weight(statement.words[1:3], statement, 1, self._report, largest=NUMBER_MAX)
                if read is not None:
                    weight, reverse = read.number, bool(read.reverse)
            elif keyword == "init_file":
                initial, overwrite = self._init_file(statement)
        if not path:
            self._unusable_files[name] = "names no file"
            if block.broken is None:
                self._report.error(
                    block.where(),
                    f"{block.title} names no file, so nothing can track it; add file PATH",
                    "track-file-without-file",
                )
            return
        if not path.startswith("/"):
            self._report.warning(
                block.where(),
                f"{block.title}: {shown(path)} is a relative path; write the full path, it begins with /",
                "file-relative",
            )
        self.files[name] = TrackFile(
            name=name,
            path=path,
            weight=weight,
            reverse=reverse,
            initial=initial,
            overwrite=overwrite,
            where=block.where(),
        )

    def _init_file(self, statement: Statement) -> tuple[int, bool]:
        """`init_file [VALUE] [overwrite]`, in either order."""
        initial, overwrite = 0, False
        for at, word in enumerate(statement.words[1:3], 1):
            if word == "overwrite":
                overwrite = True
                continue
            try:
                initial = integer(word, -_I32_MAX - 1, _I32_MAX)
            except BadValue as problem:
                self._report.error(
                    statement.where(at), f"init_file {problem}, or overwrite; {initial} is used", problem.code
                )
        return initial, overwrite

    def _process(self, name: str, block: Statement) -> None:
        words: list[str] = []
        match: Match | None = None
        full_command = reverse = False
        weight, quorum = 0, 1
        quorum_max: int | None = None
        fork_us = terminate_us = 0
        for statement in block.statements:
            keyword = statement.words[0]
            if keyword == "process":
                if words:
                    self._first_counts(statement)
                else:
                    words = self._command_line(statement)
            elif keyword == "param_match":
                match = self._match(statement)
            elif keyword == "full_command":
                full_command = True
            elif keyword == "weight":
                read = read_weight(statement.words[1:3], statement, 1, self._report, largest=NUMBER_MAX)
                if read is not None:
                    weight, reverse = read.number, bool(read.reverse)
            elif keyword == "quorum":
                quorum = self._number(statement, quorum) or quorum
            elif keyword == "quorum_max":
                quorum_max = self._number(statement, quorum_max)
            elif keyword == "delay":
                fork_us = terminate_us = self._delay(statement, fork_us)
            elif keyword == "fork_delay":
                fork_us = self._delay(statement, fork_us)
            elif keyword == "terminate_delay":
                terminate_us = self._delay(statement, terminate_us)
        if not words:
            self._unusable_processes[name] = "names no process"
            if block.broken is None:
                self._report.error(
                    block.where(),
                    f"{block.title} names no process, so nothing can track it; add process NAME",
                    "track-process-without-process",
                )
            return
        if quorum_max == 0:
            quorum = 0
        elif quorum_max is not None and quorum_max < quorum:
            self._report.error(
                block.where(),
                f"{block.title}: quorum_max {quorum_max} is below quorum {quorum}, which no count meets; "
                "quorum_max is ignored, write a larger one",
                "quorum-order",
            )
            quorum_max = None
        if match is None and len(words) > 1:
            match = Match.EXACT
        if not full_command and match is None and len(words[0].encode()) > _COMM_MAX and "/" not in words[0]:
            self._report.warning(
                block.where(),
                f"{block.title}: the kernel keeps 15 bytes of a name, so {shown(words[0])} is never found; "
                "add full_command, or write its first 15",
                "process-name-long",
            )
        self.processes[name] = TrackProcess(
            name=name,
            process=words[0],
            parameters=tuple(words[1:]),
            match=match,
            full_command=full_command or match is not None,
            weight=weight,
            reverse=reverse,
            quorum=quorum,
            quorum_max=quorum_max,
            fork_delay_s=fork_us / 1_000_000,
            terminate_delay_s=terminate_us / 1_000_000,
            where=block.where(),
        )

    def _command_line(self, statement: Statement) -> list[str]:
        """The name and parameters of a process: `"` and `'` both quote."""
        columns = word_columns(statement.text)
        start = columns[1] - (statement.text[columns[1] - 1] == '"') if len(columns) > 1 else len(statement.text)
        try:
            return cut_line(statement.text[start:])
        except UnclosedQuote as quote:
            self._report.error(
                statement.where(1),
                f"process: the quote {quote} is not closed, so it is not counted; close it",
                "process-quote",
            )
            return []

    def _match(self, statement: Statement) -> Match | None:
        word = statement.words[1] if len(statement.words) > 1 else "exact"
        if word == "exact" and len(statement.words) == 1:
            return Match.EXACT
        if word in {Match.INITIAL, Match.PARTIAL}:
            return Match(word)
        self._report.error(
            statement.where(1), f"param_match {shown(word)} is not known; write initial, partial, or nothing for exact",
            "param-match"
        )
        return None

    def _first_counts(self, statement: Statement) -> None:
        self._report.error(
            statement.where(),
            f"{statement.words[0]} was given before, and the first counts; remove this one",
            "given-before",
        )

    def _number(self, statement: Statement, default: int | None) -> int | None:
        keyword = INDEX["vrrp_track_process"][statement.words[0]]
        try:
            return integer(statement.words[1], int(keyword.low), int(keyword.high))
        except BadValue as problem:
            self._report.error(statement.where(1), f"{statement.words[0]} {problem}; it is ignored", problem.code)
            return default

    def _delay(self, statement: Statement, default_us: int) -> int:
        keyword = INDEX["vrrp_track_process"][statement.words[0]]
        try:
            return seconds_us(statement.words[1], keyword.low_us, keyword.high_us)
        except BadValue as problem:
            self._report.error(statement.where(1), f"{statement.words[0]} {problem}; it is ignored", problem.code)
            return default_us
