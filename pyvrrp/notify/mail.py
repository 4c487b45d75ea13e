"""A mail about a change of state, in keepalived's words (N10). Pure.

Only what the worker needs crosses to it: where the mail goes, and its text.
"""

from __future__ import annotations

import msgspec

from pyvrrp.model import GlobalDefs
from pyvrrp.notify.words import DELETED, GROUP, STOP


class Account(msgspec.Struct, frozen=True, array_like=True):
    """Where mails of a scope go, by which way. Mails with equal accounts share a connection."""

    host: str
    port: int
    helo: str                       # "": the host's name
    timeout_s: int                  # for the connection, and for each answer
    sender: str                     # "": the worker's user at this host
    recipients: tuple[str, ...]
    netns: str = ""                 # "": the daemon's own


class Mail(msgspec.Struct, frozen=True, array_like=True):
    """One mail."""

    subject: str
    body: str
    date_s: int                     # since the epoch: when it happened, not when it could be sent


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What one worker has to send."""

    account: Account
    mails: list[Mail]


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What became of a batch: how many of its first mails were taken, and why the others were not."""

    sent: int
    errors: list[str]               # a sentence for each mail that the server refused; then that of the connection


def account_of(defs: GlobalDefs) -> Account | None:
    """The account of a scope; None if its file does not say enough for a mail."""
    if defs.smtp_server is None or not defs.notification_email:
        return None
    return Account(
        host=defs.smtp_server.host,
        port=defs.smtp_server.port,
        helo=defs.smtp_helo_name,
        timeout_s=max(1, defs.smtp_connect_timeout_s),
        sender=defs.notification_email_from,
        recipients=defs.notification_email,
        netns=defs.net_namespace,
    )


def mail_of(router_id: str, kind: str, name: str, what: str, *, now_s: float) -> Mail | None:
    """The mail about an event; None for what keepalived sends none about. `kind` is INSTANCE or GROUP."""
    is_group = kind == GROUP
    if what == DELETED:
        title, body = "Deleted", "VRRP Deleted at reload"
    elif what == STOP:
        title = "Stopping"
        body = "All VRRP group instances are now stopping" if is_group else "VRRP Instance stopping"
    elif what in ("MASTER", "BACKUP", "FAULT"):
        title = f"Entering {what} state"
        if is_group:
            body = f"All VRRP group instances are now in {what} state"
        else:
            body = f"VRRP Instance is {'now' if what == 'MASTER' else 'no longer'} owning VRRP VIPs"
    else:
        return None
    subject = f"[{router_id}] VRRP {'Group' if is_group else 'Instance'} {name} - {title}"
    return Mail(_one_line(subject), f"=> {body} <=\n", int(now_s))


def _one_line(text: str) -> str:
    """A header is one line, whatever is in a name."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
