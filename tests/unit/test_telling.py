"""pyvrrp/telling.py: who is told what, and when; also the life that keepalived was recorded in, replayed."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from netns.told import AFTER, ALWAYS, BEFORE, Trace, by_subject, text

from pyvrrp.config import load
from pyvrrp.model import Command, Configuration, GlobalDefs, Instance, MailServer, Notify, State, SyncGroup
from pyvrrp.notify.scripts import NotifyCounters
from pyvrrp.router import Router
from pyvrrp.scripts.result import ScriptResult
from pyvrrp.telling import Telling


class Heard:
    """A host of which all that is told is noted. Scripts end at once, and well."""

    def __init__(self, configuration: Configuration, *, has_fifo: bool = True) -> None:
        self.lines: list[str] = []
        self.scripts: list[str] = []
        self.mails: list[str] = []
        self.late: list[Any] = []                   # what was to be called later
        self.is_stopping = False
        self.told = NotifyCounters()
        self.aftermath = SimpleNamespace(later=lambda tell: tell())
        self.loop = SimpleNamespace(call_later=lambda _, call, *words: self.late.append((call, words)))
        self.fifos = SimpleNamespace(
            adopt=lambda *_: None, is_used_by=lambda _: has_fifo, write=lambda _, line: self.lines.append(line.decode())
        )
        self.mailer = SimpleNamespace(post=lambda _, mail: self.mails.append(mail.subject))
        self._done: list[Any] = []
        self.telling = Telling(self, self)          # type: ignore[arg-type]
        self.configure(configuration)

    def submit(self, command: Command, on_done: Any, *, extra_args: tuple[str, ...] = (), **_: Any) -> int:
        """As a runner of scripts."""
        self.scripts.append(" ".join((*command.argv[1:], *extra_args)))
        self._done.append(on_done)
        return len(self.scripts)

    def scripts_end(self) -> None:
        while self._done:
            self._done.pop(0)(ScriptResult(0, None, False, None, 0.0))

    def configure(self, configuration: Configuration) -> None:
        self.routers = {
            instance.name: self.router(instance, configuration) for instance in configuration.instances
        }
        self.telling.adopt(configuration)
        members = {group.name: [self.routers[name] for name in group.members] for group in configuration.groups}
        self.telling.regroup({group.name: group for group in configuration.groups}, members)

    def router(self, instance: Instance, configuration: Configuration) -> Router:
        scope: Any = SimpleNamespace(title_of=lambda instance: instance.name)
        made = Router(1, instance, scope, None, index=0, priority=instance.priority)  # type: ignore[arg-type]
        made.group = next((group.name for group in configuration.groups if instance.name in group.members), None)
        return made

    def changed(self, name: str, state: State, *, waits: bool = False) -> None:
        router = self.routers[name]
        router.state = state
        self.telling.changed(router, state, waits=waits)


def instance(name: str, **more: Any) -> Instance:
    return Instance(name=name, family=4, interface="eth0", vrid=1, **more)


def configuration(*instances: Instance, groups: tuple[SyncGroup, ...] = (), **defs: Any) -> Configuration:
    return Configuration(global_defs=GlobalDefs(router_id="node", **defs), instances=instances, groups=groups)


PAIR = configuration(instance("A"), instance("B"), groups=(SyncGroup(name="G", members=("A", "B")),))


def test_the_first_state_of_a_group_comes_before_its_members_and_others_after() -> None:
    heard = Heard(PAIR)
    heard.changed("A", State.BACKUP)
    assert heard.lines == [], "the group comes first, and its state is not known yet"
    heard.changed("B", State.BACKUP)
    assert heard.lines == ['GROUP "G" BACKUP 0\n', 'INSTANCE "A" BACKUP 100\n', 'INSTANCE "B" BACKUP 100\n']
    heard.lines.clear()
    heard.changed("B", State.MASTER)
    heard.changed("A", State.MASTER)
    assert heard.lines == ['INSTANCE "B" MASTER 100\n', 'INSTANCE "A" MASTER 100\n', 'GROUP "G" MASTER 0\n']


def test_a_member_that_has_to_wait_holds_nobody_up() -> None:
    heard = Heard(PAIR)
    heard.routers["B"].waits = "waits for the first result of check"
    heard.changed("A", State.BACKUP)
    assert heard.lines == ['INSTANCE "A" BACKUP 100\n']
    heard.routers["B"].waits = ""
    heard.changed("B", State.BACKUP)
    assert heard.lines[1:] == ['GROUP "G" BACKUP 0\n', 'INSTANCE "B" BACKUP 100\n']


def test_what_is_held_back_for_a_group_keeps_its_order() -> None:
    heard = Heard(PAIR)
    heard.changed("A", State.BACKUP)
    heard.telling.lower_heard(heard.routers["A"])
    assert heard.lines == []
    heard.changed("B", State.BACKUP)
    assert heard.lines[1:3] == ['INSTANCE "A" BACKUP 100\n', 'INSTANCE "A" MASTER_RX_LOWER_PRI 100\n']


def test_what_was_held_back_for_a_group_that_is_gone_is_told() -> None:
    heard = Heard(PAIR)
    heard.changed("A", State.BACKUP)
    heard.routers["A"].group = None
    heard.telling.regroup({}, {})
    assert heard.lines == ['INSTANCE "A" BACKUP 100\n']


def test_members_that_differ_are_told_without_their_group() -> None:
    heard = Heard(PAIR)
    heard.changed("A", State.BACKUP)
    heard.changed("B", State.FAULT)
    assert heard.lines == ['INSTANCE "A" BACKUP 100\n', 'INSTANCE "B" FAULT 100\n']
    heard.changed("A", State.FAULT)
    assert heard.lines[2:] == ['INSTANCE "A" FAULT 100\n', 'GROUP "G" FAULT 0\n']


def test_what_waits_for_addresses_keeps_its_order() -> None:
    heard = Heard(configuration(instance("A", notify_priority_changes=True), instance("B")))
    router = heard.routers["A"]
    heard.changed("A", State.MASTER, waits=True)
    router.priority = 110
    heard.telling.priority_changed(router)
    heard.telling.lower_heard(router)
    heard.changed("B", State.BACKUP)
    assert heard.lines == ['INSTANCE "B" BACKUP 100\n']
    heard.telling.applied(router)
    assert heard.lines[1:] == [
        'INSTANCE "A" MASTER 100\n', 'INSTANCE "A" MASTER_PRIORITY 110\n', 'INSTANCE "A" MASTER_RX_LOWER_PRI 110\n',
    ]
    heard.telling.priority_changed(heard.routers["B"])
    assert len(heard.lines) == 4, "B does not tell its priority"


def test_addresses_that_take_long_are_not_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One timer for all that wait; before their time nothing is told, and the timer is set again."""
    now_s = 1000.0
    monkeypatch.setattr("pyvrrp.telling.time.monotonic", lambda: now_s)
    heard = Heard(configuration(instance("A")))
    heard.changed("A", State.MASTER, waits=True)
    now_s += 0.5
    heard.changed("A", State.BACKUP, waits=True)
    assert len(heard.late) == 1
    with caplog.at_level(logging.WARNING):
        for count in (0, 2, 2):
            (call, words) = heard.late.pop()
            call(*words)
            assert len(heard.lines) == count
            now_s += 0.5
    assert not heard.late
    assert heard.lines == ['INSTANCE "A" MASTER 100\n', 'INSTANCE "A" BACKUP 100\n']
    assert len(caplog.records) == 1
    heard.telling.applied(heard.routers["A"])
    assert len(heard.lines) == 2


def script(word: str) -> Command:
    return Command(("/tell", word))


@pytest.mark.keepalived("N8")
def test_a_removed_instance_is_told_as_keepalived_does() -> None:
    """Without notify_deleted FAULT is told, but notify_fault is not run."""
    both = {"any": script("any"), "fault": script("fault")}
    heard = Heard(configuration(
        instance("A", notify=Notify(**both)),
        instance("B", notify=Notify(**both, deleted=script("deleted"), tells_deleted=True)),
    ))
    for router in heard.routers.values():
        heard.telling.removed(router)
        heard.scripts_end()
    assert heard.lines == ['INSTANCE "A" FAULT 100\n', 'INSTANCE "B" DELETED 100\n']
    assert heard.scripts == ["any INSTANCE A FAULT 100", "deleted", "any INSTANCE B DELETED 100"]


def test_mails_go_to_those_who_asked() -> None:
    mail: dict[str, Any] = {"smtp_server": MailServer("mail"), "notification_email": ("a@b",)}
    heard = Heard(configuration(
        instance("A", smtp_alert=True), instance("B"), no_email_faults=True, **mail,
        groups=(SyncGroup(name="G", members=("A", "B"), smtp_alert=True),),
    ))
    for state in (State.BACKUP, State.FAULT):
        heard.changed("A", state)
        heard.changed("B", state)
    assert heard.mails == [
        "[node] VRRP Group G - Entering BACKUP state", "[node] VRRP Instance A - Entering BACKUP state",
    ]
    heard.telling.removed(heard.routers["A"])
    assert len(heard.mails) == 2, "it was FAULT already"


@pytest.mark.parametrize(("defs", "missing"), [
    ({}, "smtp_server"), ({"smtp_server": MailServer("mail")}, "notification_email"),
])
def test_mails_without_an_address_are_warned_of(
    defs: dict[str, Any], missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        heard = Heard(configuration(instance("A", smtp_alert=True), **defs))
        heard.changed("A", State.BACKUP)
        Heard(configuration(instance("A"), **defs))
    assert [record.getMessage() for record in caplog.records] == [
        f"smtp_alert is on, but no {missing} is named; no mail is sent"
    ]
    assert heard.mails == []


def test_all_states_after_a_reload() -> None:
    heard = Heard(PAIR)
    for name in ("A", "B"):
        heard.changed(name, State.BACKUP)
    heard.lines.clear()
    heard.telling.states(heard.routers.values())
    assert heard.lines == []
    heard.telling.adopt(configuration(fifo_write_vrrp_states_on_reload=True))
    heard.telling.states(heard.routers.values())
    assert heard.lines == ['INSTANCE "A" BACKUP 100\n', 'INSTANCE "B" BACKUP 100\n', 'GROUP "G" BACKUP 0\n']


def test_nothing_but_stop_is_told_while_the_daemon_stops() -> None:
    heard = Heard(PAIR)
    heard.is_stopping = True
    heard.changed("A", State.BACKUP)
    heard.changed("B", State.BACKUP)
    heard.telling.removed(heard.routers["A"])
    assert heard.lines == []
    asyncio.run(heard.telling.stopped(list(heard.routers.values())))
    assert heard.lines == ['INSTANCE "A" STOP 100\n', 'INSTANCE "B" STOP 100\n', 'GROUP "G" STOP 0\n']


def test_without_a_fifo_lower_adverts_are_told_to_whom_they_matter() -> None:
    heard = Heard(
        configuration(instance("A", notify=Notify(master_rx_lower_pri=script("lower"))), instance("B")), has_fifo=False
    )
    for router in heard.routers.values():
        heard.telling.lower_heard(router)
    assert (heard.lines, heard.scripts) == ([], ["lower"])


# ---- the recorded life


@pytest.fixture
def life(tmp_path: Path) -> dict[str, Configuration]:
    """The configurations before and after the reload."""
    found = {}
    for name, extra in (("before", BEFORE), ("after", AFTER)):
        file = tmp_path / "keepalived.conf"
        file.write_text(text(Path("/d"), *extra))
        loaded = load(str(file), config_id="", interfaces=frozenset({"eth0"}))
        assert loaded.configuration is not None
        found[name] = loaded.configuration
    return found


LINE = re.compile(r'INSTANCE "(.*?)" (\w+) (\d+)')


@pytest.mark.parametrize("kind", ["keepalived", "pyvrrpd"])
def test_the_recorded_life(kind: str, life: dict[str, Configuration]) -> None:
    """What happened to instances is taken from the record; that groups, scripts and mails follow from it is asked."""
    heard = Heard(life["before"])
    for step, told in Trace.read(kind).steps.items():
        heard.lines.clear()
        heard.scripts.clear()
        heard.mails.clear()
        if step == "a reload":
            old = heard.routers
            heard.configure(life["after"])
            heard.routers = old | {"NEW": heard.routers["NEW"]}
        if step == "stop":
            stays = [heard.routers[name] for name, *_ in (*ALWAYS, *AFTER)]
            asyncio.run(_stopped(heard, stays))
        for line in [line for what, line in told if what == "fifo" and step != "stop"]:
            if (match := LINE.match(line)) is not None:
                _happens(heard, *match.groups())
                heard.scripts_end()
        found = [("fifo", line.rstrip("\n")) for line in heard.lines]
        found += [("script", line) for line in heard.scripts]
        found += [("mail", subject.removeprefix("[node] VRRP ")) for subject in heard.mails]
        expected = [each for each in told if each[1] not in ("startup", "shutdown")]
        assert by_subject(found, step) == by_subject(expected, step), step


async def _stopped(heard: Heard, routers: list[Router]) -> None:
    telling = asyncio.ensure_future(heard.telling.stopped(routers))
    while not telling.done():
        await asyncio.sleep(0)
        heard.scripts_end()
    await telling


def _happens(heard: Heard, name: str, what: str, priority: str) -> None:
    """Do what has led to the line."""
    router = heard.routers[name]
    router.priority = int(priority)
    if what == "MASTER_RX_LOWER_PRI":
        heard.telling.lower_heard(router)
    elif what.endswith("_PRIORITY"):
        heard.telling.priority_changed(router)
    elif what == "DELETED" or (name == "GONE" and what == "FAULT"):
        heard.telling.removed(router)
    else:
        heard.changed(name, State[what])
