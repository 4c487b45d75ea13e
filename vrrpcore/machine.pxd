# cython: language_level=3, cdivision=True
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from vrrpcore.election cimport master_down_interval_ns
from vrrpcore.events cimport EventRing
from vrrpcore.outbox cimport Outbox
from vrrpcore.pacing cimport Announcer
from vrrpcore.packet cimport advert_t, rx_meta_t
from vrrpcore.slots cimport SlotBook
from vrrpcore.table cimport Table
from vrrpcore.vr cimport TIMER_MASTER_DOWN, TIMERS_PER_VR, VRF_HELD, vr_t
from vrrpcore.wheel cimport TimerWheel


@cython.final
@cython.no_gc
cdef class Machine:
    cdef Table _table
    cdef TimerWheel _wheel
    cdef Outbox _outbox
    cdef SlotBook _slots
    cdef Announcer _announcer
    cdef EventRing _events

    cdef uint8_t startup_event(self, uint32_t i) noexcept nogil
    cdef void dispatch(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                       const advert_t *advert) noexcept nogil
    cdef void set_fault(self, uint32_t i, uint32_t reasons, int64_t now_ns) noexcept nogil
    cdef void stand_aside(self, uint32_t i, bint wanted, int64_t now_ns) noexcept nogil
    cdef void arm_adver(self, uint32_t i, int64_t now_ns, bint first) noexcept nogil
    cdef void move_down(self, uint32_t i, uint8_t old_priority) noexcept nogil
    cdef void _apply(self, uint32_t i, uint8_t event, int64_t now_ns, const rx_meta_t *rx,
                     const advert_t *advert) noexcept nogil
    cdef void hold_adver(self, uint32_t i, int64_t until_ns) noexcept nogil
    cdef void _arm_skew(self, uint32_t i, int64_t from_ns) noexcept nogil

    # For each advert heard: compiled into the caller.

    cdef inline void arm_down(self, uint32_t i, int64_t from_ns) noexcept nogil:
        """Master_Down_Timer := Master_Down_Interval, from `from_ns` on."""
        cdef const vr_t *vr = &self._table.vrs[i]
        self.set_down(i, from_ns + master_down_interval_ns(
            vr.version, vr.priority, vr.master_adver_interval_cs, vr.down_timer_adverts))

    cdef inline void set_down(self, uint32_t i, int64_t deadline_ns) noexcept nogil:
        """Every setting of Master_Down_Timer goes through here: a stall puts a floor under it."""
        cdef vr_t *vr = &self._table.vrs[i]
        vr.flags &= ~<uint32_t>VRF_HELD
        if deadline_ns < vr.listen_until_ns:
            deadline_ns = vr.listen_until_ns
        self._wheel.arm(i * TIMERS_PER_VR + TIMER_MASTER_DOWN, deadline_ns)

    cdef inline int64_t down_deadline_ns(self, uint32_t i) noexcept nogil:
        """When Master_Down_Timer is due, or was due and waits for its queue to be read; -1: it does not run."""
        cdef const vr_t *vr = &self._table.vrs[i]
        return vr.held_ns if vr.flags & VRF_HELD else self._wheel.deadline_ns(i * TIMERS_PER_VR + TIMER_MASTER_DOWN)
