"""What enable_script_security would say of a command: for a config test, which runs none."""

from __future__ import annotations

from pathlib import Path

from pyvrrp.model import Command, GlobalDefs
from pyvrrp.scripts.identity import Accounts, UnknownAccount
from pyvrrp.scripts.security import root_uids, why_insecure


def why_unsafe(command: Command, defs: GlobalDefs) -> str | None:
    """Why it would not be run as the user that it names, or by default the file's; None: it would.

    Nothing is said of a program or user that is not there: whoever read the configuration has said it.
    """
    path = str(Path(command.argv[0]).absolute())
    try:
        identity = Accounts().identity(command.user, command.group, defs.script_user, defs.script_group)
        return why_insecure(path, runs_as_root=0 in (identity.uid, identity.gid), root=root_uids())
    except (OSError, UnknownAccount):
        return None
