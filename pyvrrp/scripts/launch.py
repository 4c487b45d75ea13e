"""Starts one script: finds the file, looks at its safety, and executes it as its user.

enable_script_security is looked at here, just before execve() of the same path: when every part of that path is
root's alone, nobody else can change what is executed in between.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from pyvrrp.linux import STEP_EXECUTE, Environment, Identity, Notes, SpawnError, spawn
from pyvrrp.scripts.identity import Accounts, UnknownAccount
from pyvrrp.scripts.messages import Start
from pyvrrp.scripts.security import root_uids, why_insecure

REMOVED_VARIABLES = (b"IFS", b"LD_PRELOAD", b"LD_LIBRARY_PATH")     # as keepalived does (rule T9)
_SHELL = b"/bin/sh"


class CannotRun(Exception):
    """A command cannot be run; the text is a sentence for an operator."""


class Refused(CannotRun):
    """A command that enable_script_security forbids."""


class Launcher:
    """Starts scripts with one environment."""

    def __init__(self, environment: dict[bytes, bytes], notes: Notes, *, descriptors: int) -> None:
        """`notes`: where each process is noted. `descriptors`: the soft limit that scripts have of them."""
        variables = {name: value for name, value in environment.items() if name not in REMOVED_VARIABLES}
        self.null_fd = os.open("/dev/null", os.O_RDWR)
        self._environment = Environment(variables)
        self._search = variables.get(b"PATH", os.defpath.encode()).split(b":")
        self._notes = notes
        self._descriptors = descriptors
        self._accounts = Accounts()
        self._root = root_uids()

    def start(self, ask: Start, *, output_fd: int, place: int) -> int:
        """Start what is asked for; return its pid, which is in its place of the notes too.

        `output_fd` is its standard output and error; -1: nowhere. Raises CannotRun.
        """
        try:
            identity = self._identity(ask)
            if _is_redirection(ask):
                return self._execute(_SHELL, [_SHELL, b"-c", b" ".join(ask.argv)], ask, identity, output_fd, place)
            path = self._find(ask)
            if ask.security:
                self._check(path, identity, is_on=True)
            try:
                return self._execute(path, ask.argv, ask, identity, output_fd, place)
            except SpawnError as error:
                if error.step == STEP_EXECUTE and error.errno == errno.ENOEXEC:
                    # No #! line: the shell's business, as for execvp(3) (rule X8).
                    argv = [_SHELL, path, *ask.argv[1:]]
                    return self._execute(_SHELL, argv, ask, identity, output_fd, place)
                raise
        except (OSError, ValueError) as error:
            raise CannotRun(f"{text(ask.argv)}: {error}") from None

    def examine(self, ask: Start) -> None:
        """Raise Refused if root should not run it, whether enable_script_security is on or not, or CannotRun if its
        user cannot.

        Nothing is said of a file that is not there: whoever read the configuration has said it.
        """
        if _is_redirection(ask):
            return
        try:
            path = self._find(ask)
            identity = self._identity(ask)
            if not os.access(path, os.F_OK):
                return
        except (CannotRun, ValueError):
            return
        self._check(path, identity, is_on=ask.security)
        if not self._may_execute(path, identity):
            raise CannotRun(
                f"{text([path])}: uid {identity.uid} cannot execute it; make it executable, and every directory on the "
                "way to it accessible, for the user it runs as"
            )

    def _may_execute(self, path: bytes, identity: Identity) -> bool:
        """Whether its user may, by trying as that user: there is one thread here, and nothing runs meanwhile."""
        if self._accounts.is_own(identity):
            return os.access(path, os.X_OK)
        uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
        try:
            os.setgroups([])
            os.setegid(identity.gid)
            os.seteuid(identity.uid)
            return os.access(path, os.X_OK, effective_ids=True)
        except OSError:
            return True             # we may not become that user; the run will tell
        finally:
            os.seteuid(uid)
            os.setegid(gid)
            with contextlib.suppress(OSError):
                os.setgroups(groups)

    def _identity(self, ask: Start) -> Identity:
        try:
            return self._accounts.identity(ask.user, ask.group, ask.default_user, ask.default_group)
        except UnknownAccount as error:
            raise CannotRun(f"{text(ask.argv)}: {error}") from None

    def _execute(
        self, path: bytes, argv: list[bytes], ask: Start, identity: Identity, output_fd: int, place: int
    ) -> int:
        netns_fd = -1
        if ask.netns is not None:
            try:
                netns_fd = os.open(ask.netns, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise CannotRun(
                    f"{text(ask.argv)}: its network namespace {ask.netns} cannot be opened: {error.strerror}"
                ) from None
        try:
            return spawn(
                path,
                argv,
                environment=self._environment,
                null_fd=self.null_fd,
                output_fd=output_fd,
                netns_fd=netns_fd,
                identity=None if self._accounts.is_own(identity) else identity,
                descriptors=self._descriptors,
                notes=self._notes,
                place=place,
            )
        except SpawnError as error:
            hint = _hint(error, path)
            if hint is None:
                raise
            raise CannotRun(f"{text([path])}: {error.strerror}; {hint}") from None
        finally:
            if netns_fd >= 0:
                os.close(netns_fd)

    def _find(self, ask: Start) -> bytes:
        """Return the file to execute for a command: its first word, or that found in PATH (rule X3)."""
        if not ask.argv or not ask.argv[0]:
            raise CannotRun("there is no command to run; name one")
        name = ask.argv[0]
        if b"/" in name:
            return name
        for directory in self._search:
            path = (directory or b".") + b"/" + name
            try:
                mode = os.stat(path).st_mode  # noqa: PTH116
            except (OSError, ValueError):
                continue
            if stat.S_ISREG(mode) and mode & 0o111:
                return path
        raise CannotRun(f"{text([name])}: not found in PATH; give its full path")

    def _check(self, path: bytes, identity: Identity, *, is_on: bool) -> None:
        """Raise Refused if somebody else than root could change what root runs. `is_on`: that forbids it."""
        full = os.fsdecode(path if path.startswith(b"/") else os.getcwdb() + b"/" + path)  # noqa: PTH109
        runs_as_root = identity.uid == 0 or identity.gid == 0
        try:
            reason = why_insecure(full, runs_as_root=runs_as_root, root=self._root)
        except OSError as error:
            # Not left to execve(): what is missing now could be there by then.
            raise CannotRun(f"{text([path])}: {error.strerror}; check the path") from None
        if reason is None:
            return
        what = "not run, because" if is_on else "root runs it although"
        setting = " and enable_script_security is on" if is_on else ""
        raise Refused(
            f"{text([path])}: {what} {reason}{setting}; "
            "give every part of its path to root alone, or run it as another user"
        )


def _is_redirection(ask: Start) -> bool:
    """keepalived's idiom for "can this file be read": a redirection without a command (rule X3)."""
    return bool(ask.argv) and ask.argv[0].startswith(b"</")


def text(argv: list[bytes]) -> str:
    """Return a command for a sentence, encodable whatever bytes are in it."""
    return os.fsdecode(b" ".join(argv)).encode("utf-8", "backslashreplace").decode()


def _hint(error: SpawnError, path: bytes) -> str | None:
    """Return what to do about an execve() or a change of user that failed; None if it is to be raised as it
    is.
    """
    if error.step != STEP_EXECUTE:
        if error.errno == errno.EPERM:
            return "that takes root; run the daemon as root, or the script as the daemon's own user"
        return "see the man pages for this error"
    if error.errno == errno.ENOEXEC:
        return None
    if error.errno == errno.ENOENT:
        if os.access(path, os.F_OK):
            return "the file is there, so the interpreter that its first line names is not"
        return "check the path"
    if error.errno == errno.EACCES:
        return "make it executable, and every directory on the way to it accessible, for the user it runs as"
    return "check that it is a program for this machine"
