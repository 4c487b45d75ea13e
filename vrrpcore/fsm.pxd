# cython: language_level=3
from libc.stdint cimport uint8_t, uint16_t

cdef enum vr_event_t:
    EV_STARTUP = 0
    EV_STARTUP_OWNER        # priority 255 and `state MASTER`
    EV_SHUTDOWN
    EV_FAULT                # its first reason came
    EV_FAULT_CLEARED        # its last reason went
    EV_MASTER_DOWN_TIMER
    EV_ADVER_TIMER
    EV_ADVERT_ZERO
    EV_ADVERT_WINS
    EV_ADVERT_LOSES
    EV_VIP_LOST             # somebody else removed one of its addresses
    EV_GROUP_MASTER         # its sync group becomes MASTER
    EV_GROUP_BACKUP         # a member of its sync group stepped down
    EV_YIELD                # its operator wants it to stay out of MASTER
    EV_COUNT

# Actions, carried out in bit order.
cdef enum:
    ACT_DISARM = 1 << 0         # stop all timers
    ACT_LEARN = 1 << 1          # adopt the sender as master, its interval too
    ACT_FORGET = 1 << 2         # back to our own interval
    ACT_SEND_ZERO = 1 << 3      # advert with priority 0
    ACT_SEND_ADVERT = 1 << 4
    ACT_ANSWER_HIGHER = 1 << 5  # advert, under higher_prio_send_advert
    ACT_ANSWER_LOWER = 1 << 6   # advert, unless lower_prio_no_advert
    ACT_ARM_ADVER = 1 << 7      # Adver_Timer := Advertisement_Interval
    ACT_ARM_DOWN = 1 << 8       # Master_Down_Timer := Master_Down_Interval
    ACT_ARM_SKEW = 1 << 9       # Master_Down_Timer := Skew_Time
    ACT_CLAIM = 1 << 10         # became MASTER
    ACT_RELEASE = 1 << 11       # no longer MASTER
    ACT_ASSERT = 1 << 12        # a lower-priority master is heard: count it, announce again

cdef struct transition_t:
    uint16_t actions
    uint8_t next_state

cdef transition_t fsm_step(uint8_t state, uint8_t event) noexcept nogil
