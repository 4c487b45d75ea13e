"""What one scope tracks beside interfaces: the scripts that are run, the files that are read and the processes that are
counted for its instances.

Each runs, is read or counted once, however many instances track it, and only if one does (T1).
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from pyvrrp import limits
from pyvrrp.model import Configuration, Instance, SyncGroup, Tracked, TrackFile, TrackProcess, TrackScript
from pyvrrp.scripts.result import ScriptRunner
from pyvrrp.track.files import FileTracker, FileWatch, initialise
from pyvrrp.track.matching import Pattern
from pyvrrp.track.priority import Contribution, Number, Quorum, merged
from pyvrrp.track.processes import ProcessWatch
from pyvrrp.track.quorum import ProcessTracker
from pyvrrp.track.scripts import ScriptTracker

log = logging.getLogger("pyvrrp.track")


class Named(Protocol):
    """A definition of what can be tracked."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Tracks(NamedTuple):
    """All that one instance tracks, what its sync group tracks for it included."""

    interfaces: tuple[Tracked, ...]
    scripts: tuple[Tracked, ...]
    files: tuple[Tracked, ...]
    processes: tuple[Tracked, ...]


def tracks_of(instance: Instance, group: SyncGroup | None) -> Tracks:
    """What an instance of that group tracks (K10)."""
    own = Tracks(instance.track_interfaces, instance.track_scripts, instance.track_files, instance.track_processes)
    if group is None:
        return own
    of_group = group.track_interfaces, group.track_scripts, group.track_files, group.track_processes
    return Tracks(*(merged(mine, its) for mine, its in zip(own, of_group, strict=True)))


class User(NamedTuple):
    """An instance or sync group that tracks something, and how that counts there."""

    name: str
    is_group: bool
    weight: int
    reverse: bool


@dataclass(slots=True)
class Users:
    """All who track one thing."""

    count: int = 0
    first: list[User] = field(default_factory=list)     # TRACKED_BY_SHOWN at most


class Watches(Protocol):
    """Who tells of changes, for all scopes; see pyvrrp.watches."""

    @property
    def files(self) -> FileWatch:
        """Raises OSError."""

    @property
    def processes(self) -> ProcessWatch: ...


class Tracking:
    """The trackers of a scope. `on_change(kind, name)` is called from the event loop.

    The kind is script, file or process.
    """

    def __init__(self, runner: ScriptRunner, watches: Watches, *, on_change: Callable[[str, str], None]) -> None:
        self._runner, self._watches, self._on_change = runner, watches, on_change
        self._verdicts: dict[str, bool] = {}            # of the command before, until the new one has its own
        self._users: dict[str, dict[str, Users]] = {"script": {}, "file": {}, "process": {}}
        # By name, for status too
        self.scripts: dict[str, ScriptTracker] = {}
        self.files: dict[str, FileTracker] = {}
        self.processes: dict[str, ProcessTracker] = {}

    def adopt(self, configuration: Configuration, *, is_start: bool) -> None:
        """Track what a configuration does, and nothing else. is_start: files get the numbers of init_file."""
        self._users = users = _users_of(configuration)
        self._adopt_scripts(_named(configuration.scripts, users["script"]))
        self._adopt_files(_named(configuration.track_files, users["file"]), is_start=is_start)
        self._adopt_processes(_named(configuration.track_processes, users["process"]))

    def users(self, kind: str, name: str) -> Users:
        """Who tracks the script, file or process of a name."""
        return self._users[kind].get(name) or Users()

    def stop(self) -> None:
        """Track nothing more."""
        for script in self.scripts.values():
            script.stop()
        for file in self.files.values():
            file.stop()
        for process in self.processes.values():
            process.stop()
        self.scripts, self.files, self.processes = {}, {}, {}

    def contributions(self, tracks: Tracks) -> Iterator[Contribution | Number | Quorum]:
        """What the scripts, files and processes say now of an instance that tracks these."""
        for name, weight, reverse in tracks.scripts:
            if name in self.scripts:
                up = self.scripts[name].up
                yield Contribution(name, weight, self._verdicts.get(name) if up is None else up, reverse)
        for name, weight, reverse in tracks.files:
            if name in self.files:
                yield Number(name, weight, self.files[name].number, reverse)
        for name, weight, reverse in tracks.processes:
            if name in self.processes:
                yield Quorum(name, weight, self.processes[name].up, reverse)

    def _adopt_scripts(self, wanted: Mapping[str, TrackScript]) -> None:
        """The same command keeps its verdict (Q5)."""
        for name, tracker in list(self.scripts.items()):
            script = wanted.get(name)
            if script is None or script.command != tracker.script.command:
                tracker.stop()
                del self.scripts[name]
                if script is not None and tracker.up is not None:
                    self._verdicts[name] = tracker.up
            elif script != tracker.script:
                tracker.update(script)
        for name in self._verdicts.keys() - wanted.keys():
            del self._verdicts[name]
        for script in wanted.values():
            if script.name not in self.scripts:
                # A known verdict counts until the new command has its own, whatever init_fail says.
                script = dataclasses.replace(script, init_fail=script.init_fail and script.name not in self._verdicts)
                tracker = ScriptTracker(
                    script, self._runner, on_verdict=lambda name, _: self._on_change("script", name)
                )
                self.scripts[script.name] = tracker
                tracker.start()

    def _adopt_files(self, wanted: Mapping[str, TrackFile], *, is_start: bool) -> None:
        for name, tracker in list(self.files.items()):
            if name not in wanted or wanted[name].path != tracker.file.path:
                tracker.stop()
                del self.files[name]
        for file in wanted.values():
            if file.name in self.files:
                continue
            try:
                if is_start:
                    initialise(file)
            except OSError as error:
                log.error("track_file %s: %s cannot be made: %s", file.name, file.path, error.strerror)
            try:
                self.files[file.name] = FileTracker(
                    file, self._watches.files, on_number=lambda name: self._on_change("file", name)
                )
            except OSError as error:
                log.error("track_file %s is not followed: %s; raise fs.inotify.max_user_instances",
                          file.name, error.strerror)

    def _adopt_processes(self, wanted: Mapping[str, TrackProcess]) -> None:
        """The same processes keep their count."""
        for name, tracker in list(self.processes.items()):
            process = wanted.get(name)
            if process is None or Pattern.of(process) != Pattern.of(tracker.process):
                tracker.stop()
                del self.processes[name]
            elif process != tracker.process:
                tracker.update(process)
        for process in wanted.values():
            if process.name not in self.processes:
                self.processes[process.name] = ProcessTracker(
                    process, self._watches.processes, asyncio.get_running_loop().call_later,
                    on_verdict=lambda name: self._on_change("process", name),
                )


def _users_of(configuration: Configuration) -> dict[str, dict[str, Users]]:
    """By kind and name. Few of many instances track anything, so this is one cheap pass."""
    found: dict[str, dict[str, Users]] = {"script": {}, "file": {}, "process": {}}
    users: tuple[Instance | SyncGroup, ...] = (*configuration.instances, *configuration.groups)
    for user in users:
        if not (user.track_scripts or user.track_files or user.track_processes):
            continue
        for kind, tracks in (
            ("script", user.track_scripts), ("file", user.track_files), ("process", user.track_processes)
        ):
            for tracked in tracks:
                of = found[kind].setdefault(tracked.name, Users())
                of.count += 1
                if of.count <= limits.TRACKED_BY_SHOWN:
                    of.first.append(User(user.name, isinstance(user, SyncGroup), tracked.weight, tracked.reverse))
    return found


def _named(definitions: tuple[T, ...], names: Collection[str]) -> dict[str, T]:
    return {definition.name: definition for definition in definitions if definition.name in names}
