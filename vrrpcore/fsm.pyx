# cython: language_level=3
"""The state machine of a Virtual Router: one table, [state][event] -> (next state, actions) (RFC 9568 s6.4).

Everything that changes a state is in this file. `election` turns an advert into an event; `machine` carries the
actions out. An event that has no entry leaves the state as it is and does nothing: hearing an advert in INIT or FAULT
is normal, and nothing that a peer can send is an error here.

The names of states, events and actions are data (STATE_NAMES, EVENT_NAMES, ACTION_NAMES), so that documents and tests
are made from the table itself.
"""

from vrrpcore.vr cimport ST_BACKUP, ST_COUNT, ST_FAULT, ST_INIT, ST_MASTER

cdef transition_t TABLE[ST_COUNT][EV_COUNT]

STATE_NAMES = ("INIT", "BACKUP", "MASTER", "FAULT")
EVENT_NAMES = (
    "startup", "startup_owner", "shutdown", "fault", "fault_cleared", "master_down_timer", "adver_timer",
    "advert_zero", "advert_wins", "advert_loses", "vip_lost", "group_master", "group_backup", "yield",
)
ACTION_NAMES = (
    "disarm", "learn", "forget", "send_zero", "send_advert", "answer_higher", "answer_lower", "arm_adver", "arm_down",
    "arm_skew", "claim", "release", "assert",
)


cdef int _on(uint8_t state, uint8_t event, uint8_t next_state, uint16_t actions) except -1:
    if TABLE[state][event].actions:
        raise AssertionError(f"{STATE_NAMES[state]}/{EVENT_NAMES[event]} stands twice in the table")
    TABLE[state][event].next_state = next_state
    TABLE[state][event].actions = actions
    return 0


cdef int _fill() except -1:
    cdef uint8_t state, event
    for state in range(ST_COUNT):
        for event in range(EV_COUNT):
            TABLE[state][event].next_state = state
            TABLE[state][event].actions = 0
    cdef uint16_t become_master = ACT_SEND_ADVERT | ACT_CLAIM | ACT_ARM_ADVER
    cdef uint16_t yield_to_better = ACT_DISARM | ACT_LEARN | ACT_ANSWER_HIGHER | ACT_RELEASE | ACT_ARM_DOWN

    #   state      event                  next state  actions
    # RFC 9568 s6.4.1, Initialize
    _on(ST_INIT,   EV_STARTUP,            ST_BACKUP,  ACT_FORGET | ACT_ARM_DOWN)
    _on(ST_INIT,   EV_STARTUP_OWNER,      ST_MASTER,  ACT_FORGET | become_master)
    _on(ST_INIT,   EV_FAULT,              ST_FAULT,   ACT_DISARM)
    # s6.4.2, Backup
    _on(ST_BACKUP, EV_SHUTDOWN,           ST_INIT,    ACT_DISARM)
    _on(ST_BACKUP, EV_FAULT,              ST_FAULT,   ACT_DISARM)
    _on(ST_BACKUP, EV_MASTER_DOWN_TIMER,  ST_MASTER,  ACT_DISARM | become_master)
    _on(ST_BACKUP, EV_ADVERT_ZERO,        ST_BACKUP,  ACT_ARM_SKEW)
    _on(ST_BACKUP, EV_ADVERT_WINS,        ST_BACKUP,  ACT_LEARN | ACT_ARM_DOWN)
    _on(ST_BACKUP, EV_GROUP_MASTER,       ST_MASTER,  ACT_DISARM | become_master)
    # s6.4.3, Master
    _on(ST_MASTER, EV_SHUTDOWN,           ST_INIT,    ACT_DISARM | ACT_SEND_ZERO | ACT_RELEASE)
    _on(ST_MASTER, EV_FAULT,              ST_FAULT,   ACT_DISARM | ACT_SEND_ZERO | ACT_RELEASE)
    _on(ST_MASTER, EV_ADVER_TIMER,        ST_MASTER,  ACT_SEND_ADVERT | ACT_ARM_ADVER)
    _on(ST_MASTER, EV_ADVERT_ZERO,        ST_MASTER,  ACT_SEND_ADVERT | ACT_ARM_ADVER)
    _on(ST_MASTER, EV_ADVERT_WINS,        ST_BACKUP,  yield_to_better)
    _on(ST_MASTER, EV_ADVERT_LOSES,       ST_MASTER,  ACT_ANSWER_LOWER | ACT_ASSERT)
    _on(ST_MASTER, EV_VIP_LOST,           ST_BACKUP,  ACT_DISARM | ACT_SEND_ZERO | ACT_RELEASE | ACT_ARM_SKEW)
    _on(ST_MASTER, EV_GROUP_BACKUP,       ST_BACKUP,  ACT_DISARM | ACT_RELEASE | ACT_ARM_DOWN)
    _on(ST_MASTER, EV_YIELD,              ST_BACKUP,  ACT_DISARM | ACT_SEND_ZERO | ACT_RELEASE | ACT_ARM_DOWN)
    # keepalived's FAULT
    _on(ST_FAULT,  EV_SHUTDOWN,           ST_INIT,    ACT_DISARM)
    _on(ST_FAULT,  EV_FAULT_CLEARED,      ST_BACKUP,  ACT_FORGET | ACT_ARM_DOWN)
    return 0


_fill()
assert len(STATE_NAMES) == ST_COUNT and len(EVENT_NAMES) == EV_COUNT
assert ACT_ASSERT == 1 << len(ACTION_NAMES) - 1


cdef transition_t fsm_step(uint8_t state, uint8_t event) noexcept nogil:
    """Look a transition up. `state` and `event` are in range: only our own code makes them."""
    return TABLE[state][event]


def step(state: int, event: int) -> tuple[int, tuple[str, ...]]:
    """Return (next state, names of the actions in order) for a state and an event (RFC 9568 s6.4).

    Raises IndexError when there is no such state or event.
    """
    if not 0 <= state < ST_COUNT or not 0 <= event < EV_COUNT:
        raise IndexError(f"no state {state} or no event {event}")
    cdef transition_t found = TABLE[state][event]
    actions = tuple(name for bit, name in enumerate(ACTION_NAMES) if found.actions & (1 << bit))
    return found.next_state, actions
