"""The state machine: every state with every event, against a table from RFC 9568 s6.4 and keepalived's FAULT."""

from __future__ import annotations

import pytest

from vrrpcore.fsm import ACTION_NAMES, EVENT_NAMES, STATE_NAMES, step

INIT, BACKUP, MASTER, FAULT = "INIT", "BACKUP", "MASTER", "FAULT"

# (state, event): (next state, what is done, in this order); what is not here changes nothing.
TABLE = {
    (INIT, "startup"): (BACKUP, "forget arm_down"),
    (INIT, "startup_owner"): (MASTER, "forget send_advert arm_adver claim"),
    (INIT, "fault"): (FAULT, "disarm"),
    (BACKUP, "shutdown"): (INIT, "disarm"),
    (BACKUP, "fault"): (FAULT, "disarm"),
    (BACKUP, "master_down_timer"): (MASTER, "disarm send_advert arm_adver claim"),
    (BACKUP, "advert_zero"): (BACKUP, "arm_skew"),
    (BACKUP, "advert_wins"): (BACKUP, "learn arm_down"),
    (BACKUP, "group_master"): (MASTER, "disarm send_advert arm_adver claim"),
    (MASTER, "shutdown"): (INIT, "disarm send_zero release"),
    (MASTER, "fault"): (FAULT, "disarm send_zero release"),
    (MASTER, "adver_timer"): (MASTER, "send_advert arm_adver"),
    (MASTER, "advert_zero"): (MASTER, "send_advert arm_adver"),
    (MASTER, "advert_wins"): (BACKUP, "disarm learn answer_higher arm_down release"),
    (MASTER, "advert_loses"): (MASTER, "answer_lower assert"),
    (MASTER, "vip_lost"): (BACKUP, "disarm send_zero arm_skew release"),
    (MASTER, "group_backup"): (BACKUP, "disarm arm_down release"),
    (MASTER, "yield"): (BACKUP, "disarm send_zero arm_down release"),
    (FAULT, "shutdown"): (INIT, "disarm"),
    (FAULT, "fault_cleared"): (BACKUP, "forget arm_down"),
}

RULES = {
    (INIT, "startup"): "S1", (INIT, "startup_owner"): "S1",
    (BACKUP, "shutdown"): "S3", (BACKUP, "master_down_timer"): "S4",
    (BACKUP, "advert_zero"): "M4", (BACKUP, "advert_wins"): "S5", (BACKUP, "advert_loses"): "S5",
    (MASTER, "shutdown"): "S6", (MASTER, "adver_timer"): "S7", (MASTER, "advert_zero"): "S8",
    (MASTER, "advert_wins"): "S9", (MASTER, "advert_loses"): "S10",
    (INIT, "fault"): "S14", (BACKUP, "fault"): "S14", (MASTER, "fault"): "S14", (FAULT, "fault_cleared"): "S14",
}

CASES = [
    pytest.param(
        state, event, id=f"{state}-{event}",
        marks=[pytest.mark.rule(RULES[state, event])] if (state, event) in RULES else [],
    )
    for state in STATE_NAMES
    for event in EVENT_NAMES
]


@pytest.mark.parametrize(("state", "event"), CASES)
def test_every_state_with_every_event(state: str, event: str) -> None:
    next_state, actions = step(STATE_NAMES.index(state), EVENT_NAMES.index(event))
    wanted_state, wanted_actions = TABLE.get((state, event), (state, ""))
    assert (STATE_NAMES[next_state], " ".join(actions)) == (wanted_state, wanted_actions)


def test_the_table_names_only_what_exists() -> None:
    assert {state for state, _ in TABLE} == set(STATE_NAMES)
    assert {event for _, event in TABLE} == set(EVENT_NAMES)
    used = {action for _, actions in TABLE.values() for action in actions.split()}
    assert used == set(ACTION_NAMES)


def test_whoever_leaves_master_releases_and_whoever_enters_claims() -> None:
    for (state, _), (next_state, actions) in TABLE.items():
        assert ("release" in actions.split()) == (state == MASTER != next_state)
        assert ("claim" in actions.split()) == (next_state == MASTER != state)


def test_no_timer_outlives_its_state() -> None:
    """Each change of state stops the old timers; a running state has one of its own."""
    for (state, _), (next_state, actions) in TABLE.items():
        done = actions.split()
        if state != next_state and state in (BACKUP, MASTER):
            assert "disarm" in done
        if state != next_state and next_state == MASTER:
            assert "arm_adver" in done
        if state != next_state and next_state == BACKUP:
            assert ("arm_down" in done) != ("arm_skew" in done)


@pytest.mark.parametrize(("state", "event"), [(-1, 0), (4, 0), (0, -1), (0, len(EVENT_NAMES))])
def test_there_is_no_other_state_or_event(state: int, event: int) -> None:
    with pytest.raises(IndexError):
        step(state, event)
