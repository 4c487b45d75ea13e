"""Whom a script runs as (keepalived's rule X1), looked up in the spawner, where a slow name service delays
no advert.
"""

from __future__ import annotations

import grp
import os
import pwd
import time

from pyvrrp.linux import Identity

DEFAULT_SCRIPT_USER = "keepalived_script"
LOOKUP_KEPT_S = 60.0        # a name is asked for again after this: accounts change, but seldom


class UnknownAccount(LookupError):
    """A user or group that this machine does not have. Its text is a sentence for an operator."""


class Accounts:
    """Looks users and groups up and remembers the answers for LOOKUP_KEPT_S."""

    def __init__(self) -> None:
        self._own = Identity(os.geteuid(), os.getegid())
        self._kept: dict[tuple[str | None, ...], tuple[float, Identity | str]] = {}

    def identity(
        self, user: str | None, group: str | None, default_user: str | None, default_group: str | None
    ) -> Identity:
        """Return whom to run as: `user` if given, else `default_user`, else keepalived_script if it exists,
        else ourselves.

        The group is the one given with that user, else the user's own. There are no supplementary groups,
        as in keepalived. Raises UnknownAccount.
        """
        key = (user, group, default_user, default_group)
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept[0] < now:
            answer: Identity | str
            try:
                answer = self._look_up(*key)
            except UnknownAccount as error:
                answer = str(error)
            kept = self._kept[key] = (now + LOOKUP_KEPT_S, answer)
        if isinstance(kept[1], str):
            raise UnknownAccount(kept[1])
        return kept[1]

    def is_own(self, identity: Identity) -> bool:
        """Whether that is who we are already, so that nothing has to change."""
        return (identity.uid, identity.gid) == (self._own.uid, self._own.gid)

    def _look_up(
        self, user: str | None, group: str | None, default_user: str | None, default_group: str | None
    ) -> Identity:
        if user is None and default_user is not None:
            user, group = default_user, group or default_group
        if user is None:
            try:
                account = pwd.getpwnam(DEFAULT_SCRIPT_USER)
                uid, gid = account.pw_uid, account.pw_gid
            except KeyError:
                uid, gid = self._own.uid, self._own.gid
        else:
            try:
                account = pwd.getpwnam(user)
            except KeyError:
                raise UnknownAccount(
                    f"there is no user {user!r}; create it, or name another one for the script"
                ) from None
            uid, gid = account.pw_uid, account.pw_gid
        if group is not None:
            try:
                gid = grp.getgrnam(group).gr_gid
            except KeyError:
                raise UnknownAccount(
                    f"there is no group {group!r}; create it, or name another one for the script"
                ) from None
        return Identity(uid, gid)
