"""Changes of a running configuration that come over the control socket, and what becomes of them.

What runs of a scope is the text of its files, edited. Another process edits and judges it (config/transaction.py); what
comes of that is gone over to just as at a reload. Where the edit is not written, the edited text is kept here until a
reload: the next transaction goes by it. Whoever calls sees to it that nothing else changes what runs meanwhile.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from pyvrrp.config import Loaded
from pyvrrp.config.difference import Named, instances, settings
from pyvrrp.config.lexer import clean
from pyvrrp.config.outline import Key
from pyvrrp.config.plan import Plan, plan_in_turns
from pyvrrp.config.process import transact_in_worker, write_in_worker
from pyvrrp.config.scopes import scope_names
from pyvrrp.config.transaction import Outcome, Reading
from pyvrrp.control.transaction import Changed, Finding, TransactionReply, TransactionRequest
from pyvrrp.host import in_slices
from pyvrrp.model import Diagnostic
from pyvrrp.runtime import Runtime

log = logging.getLogger("pyvrrp")

_SHOWN = 5              # names in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A transaction that was judged and changed nothing yet."""

    request: TransactionRequest
    path: str
    reply: TransactionReply             # what it did, once it is done
    outcome: Outcome


class Transactions:
    """What runs beside what the files say, by the path of the scope."""

    def __init__(
        self, runtime: Runtime, *, config_id: str, all_config: bool, interfaces: Callable[[], frozenset[str]]
    ) -> None:
        """config_id, all_config, interfaces: as in load()."""
        self._runtime = runtime
        self._config_id, self._all_config, self._interfaces = config_id, all_config, interfaces
        self._digests: dict[str, bytes] = {}                    # of the files as they were when they were read
        self._unwritten: dict[str, Mapping[str, bytes]] = {}    # what runs in place of what they hold

    def loaded(self, loaded: Mapping[str, Loaded], accepted: Iterable[str]) -> dict[str, str]:
        """The files were read. Returns by path what was dropped for it: only of those in `accepted`, which run now."""
        scopes = self._runtime.scopes_by_path
        for gone in self._digests.keys() - scopes.keys():
            del self._digests[gone]
            self._unwritten.pop(gone, None)
        dropped = {}
        for path in accepted:
            self._digests[path] = loaded[path].digest
            if self._unwritten.pop(path, None) is not None:
                dropped[path] = f"{clean(path)}: changes that were not written to it are dropped by the reload"
                log.warning("%s", dropped[path])
            scopes[path].unwritten_since_s = None
        return dropped

    async def prepare(self, request: TransactionRequest) -> Prepared:
        """Judge a transaction and plan it. It may be given up meanwhile."""
        names = scope_names(self._runtime.configurations)
        paths = [path for path, name in names.items() if request.scope in (None, name)]
        if len(paths) != 1:         # a scope that is named was there when it was asked for: a reload has taken it away
            known = ", ".join(list(names.values())[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
            why = f"{len(names)} files are run; name the scope: {known}"
            nowhere = TransactionReply(accepted=False, scope=request.scope or "", file="")
            return Prepared(request=request, path="", reply=_refused(nowhere, why), outcome=Outcome(refusal=why))
        (path,) = paths
        running = self._runtime.configurations[path]
        outcome = await transact_in_worker(
            Reading(
                path=path, config_id=self._config_id, all_config=self._all_config, interfaces=self._interfaces(),
                overlay=self._unwritten.get(path, {}),
            ),
            self._digests.get(path, b""),
            request.put,
            [Key(each.kind, each.name) for each in request.remove],
        )
        reply = TransactionReply(
            accepted=True, scope=names[path], file=clean(path), is_dry_run=request.dry_run,
            findings=[_finding(diagnostic) for diagnostic in outcome.diagnostics],
        )
        loaded = outcome.loaded
        if loaded is None or loaded.configuration is None:
            why = outcome.refusal or _errors(outcome.diagnostics)
            return Prepared(request=request, path=path, reply=_refused(reply, why), outcome=outcome)
        if refusals := loaded.why_not_reload(running):
            return Prepared(request=request, path=path, reply=_refused(reply, "; ".join(refusals)), outcome=outcome)
        steps = await plan_in_turns(running, loaded.configuration)
        return Prepared(request=request, path=path, reply=await _planned(reply, steps), outcome=outcome)

    async def carry_out(self, prepared: Prepared) -> TransactionReply:
        """Go over to what was prepared, after it is written where that is wanted. All or nothing."""
        path, reply, outcome = prepared.path, prepared.reply, prepared.outcome
        if not reply.accepted or prepared.request.dry_run:
            return reply
        assert outcome.loaded is not None
        assert outcome.loaded.configuration is not None
        written: list[str] = []
        if prepared.request.write and outcome.files:
            written, problem = await write_in_worker(outcome.files)
            if problem:
                refused = _refused(reply, problem)
                if written:
                    some = ", ".join(map(clean, written))
                    refused = _replaced(refused, error=f"{some} was written, and nothing else was changed: {problem}")
                return refused
            for each in written:
                log.info("%s is written", clean(each))
            self._digests[path] = outcome.digest
        try:
            await self._runtime.change(path, outcome.loaded.configuration)
        except Exception:
            # What runs must go on running; the next reload finds what this one left undone.
            log.exception("the transaction broke off; please report this fault")
            return _replaced(_refused(reply, ""), error="the transaction broke off; reload, the log says why")
        left = {} if prepared.request.write else {name: shall for name, (_, shall) in outcome.files.items()}
        self._keep(path, left)
        return _replaced(reply, written=[clean(each) for each in written], is_unwritten=bool(left))

    def _keep(self, path: str, texts: Mapping[str, bytes]) -> None:
        scope = self._runtime.scopes_by_path[path]
        if texts:
            self._unwritten[path] = texts
            scope.unwritten_since_s = scope.unwritten_since_s or time.time()
        else:
            self._unwritten.pop(path, None)
            scope.unwritten_since_s = None


async def _planned(reply: TransactionReply, steps: Plan) -> TransactionReply:
    """With what is to be done. Slice by slice: there may be ten thousand."""
    whole = instances(dataclasses.replace(steps, changed=()))
    changed = []
    async for change in in_slices(steps.changed):
        was = change.old.name if change.old.name != change.new.name else ""
        changed.append(_changed(Named(change.new.name, settings(change.old, change.new), was)))
    return _replaced(
        reply,
        added=[named.name for named in whole.added],
        removed=[named.name for named in whole.removed],
        anew=[_changed(named) for named in whole.anew],
        changed=changed,
        untouched=whole.untouched,
        beside=list(steps.beside),
    )


def _changed(named: Named) -> Changed:
    return Changed(name=named.name, was=named.was, settings=[str(setting) for setting in named.settings])


def _finding(diagnostic: Diagnostic) -> Finding:
    where = diagnostic.where
    return Finding(
        severity=diagnostic.severity, file=where.file, line=where.line, column=where.column, code=diagnostic.code,
        message=diagnostic.message, origin=where.origin,
    )


def _errors(diagnostics: Iterable[Diagnostic]) -> str:
    errors = [str(diagnostic) for diagnostic in diagnostics if diagnostic.is_error]
    more = f"; and {len(errors) - 1} more" if len(errors) > 1 else ""
    return f"{errors[0]}{more}" if errors else "the files cannot be read"


def _refused(reply: TransactionReply, why: str) -> TransactionReply:
    return TransactionReply(
        accepted=False, error=f"nothing was changed: {why}", status=409, is_dry_run=reply.is_dry_run,
        scope=reply.scope, file=reply.file, findings=reply.findings,
    )


def _replaced(reply: TransactionReply, **fields: object) -> TransactionReply:
    return msgspec.structs.replace(reply, **fields)
