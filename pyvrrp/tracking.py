"""What one scope tracks beside interfaces: the scripts that are run and the files that are read for its instances.

Each runs or is read once, however many instances track it, and only if one does (T1).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator

from pyvrrp.model import Configuration, Instance, SyncGroup, Tracked
from pyvrrp.scripts.result import ScriptRunner
from pyvrrp.track.files import FileTracker, FileWatch, initialise
from pyvrrp.track.priority import Contribution, Number
from pyvrrp.track.scripts import ScriptTracker

log = logging.getLogger("pyvrrp.track")


class Tracking:
    """The trackers of a scope. `on_change(kind, name)` is called from the event loop; the kind is script or file."""

    def __init__(
        self, runner: ScriptRunner, watch: Callable[[], FileWatch], *, on_change: Callable[[str, str], None]
    ) -> None:
        """`watch` is called when there is a first file to follow; it may raise OSError."""
        self._runner, self._watch, self._on_change = runner, watch, on_change
        self._scripts: dict[str, ScriptTracker] = {}
        self._verdicts: dict[str, bool] = {}            # of the command before, until the new one has its own
        self._files: dict[str, FileTracker] = {}

    def adopt(self, configuration: Configuration, *, is_start: bool) -> None:
        """Track what a configuration does, and nothing else. is_start: files get the numbers of init_file."""
        users: list[Instance | SyncGroup] = [*configuration.instances, *configuration.groups]
        self._adopt_scripts(configuration, {tracked.name for user in users for tracked in user.track_scripts})
        self._adopt_files(
            configuration, {tracked.name for user in users for tracked in user.track_files}, is_start=is_start
        )

    def stop(self) -> None:
        """Track nothing more."""
        for script in self._scripts.values():
            script.stop()
        for file in self._files.values():
            file.stop()
        self._scripts, self._files = {}, {}

    def contributions(
        self, scripts: Iterable[Tracked], files: Iterable[Tracked]
    ) -> Iterator[Contribution | Number]:
        """What the tracked say now of an instance that tracks them."""
        for name, weight, reverse in scripts:
            if name in self._scripts:
                up = self._scripts[name].up
                yield Contribution(name, weight, self._verdicts.get(name) if up is None else up, reverse)
        for name, weight, reverse in files:
            if name in self._files:
                yield Number(name, weight, self._files[name].number, reverse)

    def _adopt_scripts(self, configuration: Configuration, names: set[str]) -> None:
        """The same command keeps its verdict (Q5)."""
        wanted = {script.name: script for script in configuration.scripts if script.name in names}
        for name, tracker in list(self._scripts.items()):
            script = wanted.get(name)
            if script is None or script.command != tracker.script.command:
                tracker.stop()
                del self._scripts[name]
                if script is not None and tracker.up is not None:
                    self._verdicts[name] = tracker.up
            elif script != tracker.script:
                tracker.update(script)
        for name in self._verdicts.keys() - wanted.keys():
            del self._verdicts[name]
        for script in wanted.values():
            if script.name not in self._scripts:
                # A known verdict counts until the new command has its own, whatever init_fail says.
                script = dataclasses.replace(script, init_fail=script.init_fail and script.name not in self._verdicts)
                tracker = ScriptTracker(
                    script, self._runner, on_verdict=lambda name, _: self._on_change("script", name)
                )
                self._scripts[script.name] = tracker
                tracker.start()

    def _adopt_files(self, configuration: Configuration, names: set[str], *, is_start: bool) -> None:
        wanted = {file.name: file for file in configuration.track_files if file.name in names}
        for name, tracker in list(self._files.items()):
            if name not in wanted or wanted[name].path != tracker.file.path:
                tracker.stop()
                del self._files[name]
        for file in wanted.values():
            if file.name in self._files:
                continue
            try:
                if is_start:
                    initialise(file)
            except OSError as error:
                log.error("track_file %s: %s cannot be made: %s", file.name, file.path, error.strerror)
            try:
                self._files[file.name] = FileTracker(
                    file, self._watch(), on_number=lambda name: self._on_change("file", name)
                )
            except OSError as error:
                log.error("track_file %s is not followed: %s; raise fs.inotify.max_user_instances",
                          file.name, error.strerror)
