"""The messages of POST /v1/transaction: blocks of a configuration put and removed, all or nothing."""

from __future__ import annotations

import msgspec

from pyvrrp.control.actions import Name

TRANSACTION_PATH = "/v1/transaction"


class Removal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block that goes."""

    kind: str = "vrrp_instance"         # the keyword of the block
    name: Name


class TransactionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/transaction."""

    scope: Name | None = None           # None: the only one
    # Text of whole blocks as keepalived.conf has them, any number in each. One takes the place of its namesake.
    # TRANSACTION_BYTES_MAX bounds it all, and TRANSACTION_BLOCKS_MAX the blocks: see pyvrrp/config/transaction.py.
    put: list[str] = []
    remove: list[Removal] = []
    write: bool = False                 # to the files too, with what was not written before
    dry_run: bool = False               # say what it would do, and change nothing


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong: an error, or a warning, which refuses nothing."""

    severity: str                       # error or warning
    file: str                           # put[0] is the first text that was put
    line: int = 0                       # 0: it concerns the whole
    column: int = 0
    code: str                           # as in docs/diagnostics.md
    message: str
    origin: str = ""                    # what made the line


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """An instance with other settings."""

    name: str
    was: str = ""                       # its name before, where that differs
    settings: list[str] = []            # `priority 100 -> 150`


class TransactionReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction did, or would do. Refused, with status 409: nothing was changed.

    added, removed, anew, changed, untouched: instances, as `pyvrrp plan` has them.
    """

    accepted: bool
    error: str = ""                     # a sentence, if not
    status: int = 200
    is_dry_run: bool = False
    scope: str
    file: str
    added: list[str] = []
    removed: list[str] = []
    anew: list[Changed] = []            # the same name, but another virtual router: it stops and starts
    changed: list[Changed] = []
    untouched: int = 0
    beside: list[str] = []              # the keywords of other blocks that differ
    written: list[str] = []             # files
    is_unwritten: bool = False          # it runs with changes that are in no file: the next reload drops them
    findings: list[Finding] = []
