"""`authentication` of an instance to the password for the wire (RFC 2338 s5.3.10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyvrrp.config.lexer import raw_words
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.model import Where

_AUTH_LEN = 8  # RFC 2338 s5.3.10


def read_password(
    blocks: Sequence[Statement],
    *,
    version: int,
    is_strict: bool,
    refuse: Callable[[Where, str, str], None],
    report: Report,
) -> bytes | None:
    """8 bytes, zero padded, or None for an instance without a password.

    blocks: those of one instance, which count as one. refuse: is told why the instance cannot be run.
    """
    if not blocks:
        return None
    block = blocks[-1]
    kind = password = None
    for part in blocks:
        for statement in part.statements:
            if statement.words[0] == "auth_type":
                kind = statement
            else:
                password = statement
    if kind is not None and kind.words[1] == "AH":
        refuse(
            kind.where(1),
            "auth_type AH is not done by pyvrrp, and it would be unsafe to run without it; "
            "use auth_type PASS on every node, or none",
            "auth-ah",
        )
        return None
    if kind is not None and kind.words[1] != "PASS":
        report.error(
            kind.where(1), f"auth_type {shown(kind.words[1])} is not known; the instance runs without, write PASS",
            "auth-type"
        )
        return None
    if version == 3:
        report.error(
            block.where(),
            "version 3 has no authentication (RFC 5798 s9); the instance runs without, "
            "remove the block or write version 2",
            "auth-version-3",
        )
        return None
    if is_strict:
        report.error(
            block.where(),
            "strict mode has no authentication (RFC 3768 s5.3.6); the instance runs without, "
            "remove the block or strict mode",
            "auth-strict",
        )
        return None
    if kind is None or password is None:
        lacking = "auth_type" if kind is None else "auth_pass"
        report.error(
            block.where(), f"authentication lacks {lacking}; the instance runs without, add it", "auth-incomplete"
        )
        return None
    data = raw_words(password.text)[1].encode("utf-8", "surrogateescape")
    if not data:
        report.error(
            password.where(), "auth_pass is empty; the instance runs without, write a password", "auth-pass-empty"
        )
        return None
    if len(data) > _AUTH_LEN:
        report.warning(
            password.where(1),
            "auth_pass is longer than 8 bytes; only the first 8 are used, as by keepalived, so write no more",
            "auth-pass-long",
        )
    return data[:_AUTH_LEN].ljust(_AUTH_LEN, b"\0")
