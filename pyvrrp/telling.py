"""Who is told of what happens to a scope's routers, and when: notify scripts, FIFOs and mail.

A change of state is told once its addresses are in place, or gone, or late (NOTIFY_WAITS_S); each change is told, in
order: the state's own script, `notify`, the FIFOs, mail (keepalived's rule N1). A group is told after its members
(Y5); of its first state, at start, before them.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial

from pyvrrp import limits
from pyvrrp.host import Host
from pyvrrp.model import Configuration, GlobalDefs, Notify, State, SyncGroup
from pyvrrp.notify.fifos import Wanted
from pyvrrp.notify.mail import Account, account_of, mail_of
from pyvrrp.notify.scripts import Notifier, Stopping
from pyvrrp.notify.words import DELETED, GROUP, INSTANCE, PRIORITY_OF, RX_LOWER_PRI, STOP, fifo_line
from pyvrrp.router import Router, Untold
from pyvrrp.scripts.pool import ScopeRunner

log = logging.getLogger("pyvrrp")


class Telling:
    """Tells of one scope's routers and groups."""

    def __init__(self, host: Host, runner: ScopeRunner) -> None:
        self.notifier = Notifier(runner, host.told)
        self._host, self._runner = host, runner
        self._defs = GlobalDefs(router_id="")
        self._account: Account | None = None
        self._groups: Mapping[str, SyncGroup] = {}
        self._members: dict[str, list[Router]] = {}         # by group
        self._group_states: dict[str, State] = {}           # that were told
        # Until when a change waits for its addresses; one timer for all.
        self._awaited: deque[tuple[float, Router, Untold]] = deque()

    @property
    def has_fifos(self) -> bool:
        """Whether there is a FIFO that gets every event."""
        return self._host.fifos.is_used_by(self)

    @property
    def group_states(self) -> Mapping[str, State]:
        """The states of groups, by name, as they were told last."""
        return self._group_states

    def adopt(self, configuration: Configuration) -> None:
        """Go over to what a configuration says: FIFOs and their readers, mail."""
        defs = self._defs = configuration.global_defs
        named = (
            (defs.notify_fifo, defs.notify_fifo_script),
            (defs.vrrp_notify_fifo, defs.vrrp_notify_fifo_script),
        )
        self._host.fifos.adopt(self, [Wanted(fifo, script) for fifo, script in named if fifo is not None], self._runner)
        self._account = account_of(defs)
        alerts = any(one.smtp_alert for one in configuration.instances) or any(
            one.smtp_alert for one in configuration.groups)
        if alerts and self._account is None:
            missing = "notification_email" if defs.smtp_server is not None else "smtp_server"
            log.warning("smtp_alert is on, but no %s is named; no mail is sent", missing)

    def release(self) -> None:
        """The scope is gone: nothing is told any more."""
        self._host.fifos.adopt(self, (), self._runner)

    def regroup(self, groups: Mapping[str, SyncGroup], members: dict[str, list[Router]]) -> None:
        """These are the groups now, and their members."""
        # What was held back for a group is told, if that is not what it waited for any more.
        held = [router for each in self._members.values() for router in each if router.due]
        self._groups, self._members = groups, members
        for name in self._group_states.keys() - groups.keys():
            del self._group_states[name]
        for router in held:
            self._tell_unless_held(router)

    # ---- what happened

    def changed(self, router: Router, state: State, *, waits: bool) -> None:
        """A router is in another state; `waits`: applied() will follow when its addresses are in place, or gone."""
        router.untold += (Untold(state.name, router.priority, state),)
        if waits:
            if not self._awaited:
                self._host.loop.call_later(limits.NOTIFY_WAITS_S, self._late)
            self._awaited.append((time.monotonic() + limits.NOTIFY_WAITS_S, router, router.untold[-1]))
        else:
            self.applied(router)

    def applied(self, router: Router) -> None:
        """Nothing is left to wait for: what a router's change of state has held back is told when its turn comes."""
        router.due += router.untold
        router.untold = ()
        self._host.aftermath.later(partial(self._tell_unless_held, router))

    def _tell_unless_held(self, router: Router) -> None:
        """Tell what is due of a router and its group, or hold it back for other members of a new group."""
        if self._host.is_stopping:
            router.due = ()
            return
        group = self._groups.get(router.group or "")
        if group is None:
            self._tell(router)
            return
        if group.name not in self._group_states:
            members = self._members[group.name]
            if any(_is_awaited(member) for member in members):
                return
            self._tell_group(group, {_first(member) for member in members})
            for member in members:
                self._tell(member)
        else:
            self._tell(router)
        self._tell_group(group, {member.told for member in self._members[group.name]})

    def priority_changed(self, router: Router) -> None:
        """The effective priority of a router is another one."""
        what = PRIORITY_OF.get(router.state.name)
        if what is not None and router.instance.notify_priority_changes and self.has_fifos:
            self._soon(router, what)

    def lower_heard(self, router: Router) -> None:
        """A MASTER has heard an advert of lower priority."""
        if self.has_fifos or router.instance.notify.master_rx_lower_pri is not None:
            self._soon(router, RX_LOWER_PRI)

    def removed(self, router: Router) -> None:
        """A reload has removed an instance, and its addresses are gone (N8)."""
        if self._host.is_stopping:
            return
        was = router.told
        router.due += router.untold
        router.untold = ()
        self._tell(router)
        notify = router.instance.notify
        if notify.tells_deleted:
            self._say(router, Untold(DELETED, router.priority, None), notify, mails=True)
        else:
            # `notify` and the FIFOs are told, notify_fault is not: it was no fault.
            untold = Untold(State.FAULT.name, router.priority, None)
            self._say(router, untold, dataclasses.replace(notify, fault=None), mails=was is not State.FAULT)

    def states(self, routers: Iterable[Router]) -> None:
        """Write how everything stands to the FIFOs, if the file wants that after a reload."""
        if not self._defs.fifo_write_vrrp_states_on_reload:
            return
        for router in routers:
            if router.told is not None:
                self._write(INSTANCE, router.instance.name, router.told.name, router.priority)
        for name, state in self._group_states.items():
            self._write(GROUP, name, state.name, 0)

    async def stopped(self, routers: Iterable[Router]) -> None:
        """Everything has stopped, and the addresses are gone: tell STOP, instances first; wait for the scripts (N7)."""
        instances = [Stopping(r.instance.name, r.instance.notify, r.priority) for r in routers]
        for router in routers:
            self._report(INSTANCE, router.instance.name, STOP, router.priority, mails=router.instance.smtp_alert)
        for group in self._groups.values():
            self._report(GROUP, group.name, STOP, 0, mails=group.smtp_alert)
        await self.notifier.stopped(instances, [Stopping(group.name, group.notify) for group in self._groups.values()])

    # ---- telling

    def _late(self) -> None:
        """Wait no longer for the addresses of those whose time is over, one slice of them."""
        now_s = time.monotonic()
        while self._awaited and self._awaited[0][0] <= now_s and time.monotonic() < now_s + limits.SLICE_S:
            _, router, untold = self._awaited.popleft()
            if any(each is untold for each in router.untold) and not self._host.is_stopping:
                log.warning("(%s) its addresses take longer than %g s; its notify scripts do not wait for them",
                            router.title, limits.NOTIFY_WAITS_S)
                self.applied(router)
        if self._awaited:
            left_s = self._awaited[0][0] - time.monotonic()
            self._host.loop.call_later(max(limits.NOTIFY_LOOK_S, left_s), self._late)

    def _soon(self, router: Router, what: str) -> None:
        """Tell something that waits for no address, after what was before it."""
        untold = Untold(what, router.priority, None)
        if router.untold:
            router.untold += (untold,)
        elif router.due:
            router.due += (untold,)
        else:
            self._say(router, untold, router.instance.notify, mails=False)

    def _tell(self, router: Router) -> None:
        due, router.due = router.due, ()
        for untold in due:
            if untold.state is not None:
                router.told = untold.state
            self._say(router, untold, router.instance.notify, mails=untold.state is not None)

    def _say(self, router: Router, untold: Untold, notify: Notify, *, mails: bool) -> None:
        instance = router.instance
        self.notifier.instance_changed(instance.name, notify, untold.what, untold.priority)
        self._report(INSTANCE, instance.name, untold.what, untold.priority, mails=mails and instance.smtp_alert)

    def _tell_group(self, group: SyncGroup, states: set[State | None]) -> None:
        """Tell a group's state, if all its members have been told the same and it is another than the last."""
        if len(states) != 1:
            return
        (state,) = states
        if state is None or self._group_states.get(group.name) is state:
            return
        self._group_states[group.name] = state
        log.info("VRRP_Group(%s) Syncing instances to %s state", group.name, state.name)
        self.notifier.group_changed(group.name, group.notify, state.name)
        self._report(GROUP, group.name, state.name, 0, mails=group.smtp_alert)

    def _report(self, kind: str, name: str, what: str, priority: int, *, mails: bool) -> None:
        """All that comes after the scripts: FIFOs, mail."""
        self._write(kind, name, what, priority)
        if not mails or (what == State.FAULT.name and self._defs.no_email_faults):
            return
        mail = mail_of(self._defs.router_id, kind, name, what, now_s=time.time())
        if self._account is not None and mail is not None:
            self._host.mailer.post(self._account, mail)

    def _write(self, kind: str, name: str, what: str, priority: int) -> None:
        if self.has_fifos:
            self._host.fifos.write(self, fifo_line(kind, name, what, priority))


def _is_awaited(member: Router) -> bool:
    """Whether the first state of a member of a new group is still to come."""
    return member.index >= 0 and not member.waits and member.told is None and not member.due


def _first(member: Router) -> State | None:
    """The first state that a member of a new group has to tell, or has told."""
    return member.told or next((untold.state for untold in member.due if untold.state is not None), None)
