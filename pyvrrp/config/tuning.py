"""Settings of an instance that hang on each other: announcements, strict mode, preempt_delay.

Each function works on the fields of Instance that were given by the file or by the instance, and on the lines of the
instance by field, for messages. What global_defs gives is a wish for instances that can have it, so only an instance's
own line is reported when it cannot be.
"""

from __future__ import annotations

from typing import Any

from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report
from pyvrrp.model import State

GARP_DELAY_S = 5
GARP_REPEAT = 5

# What strict mode makes of them, whatever is written.
_STRICT: dict[str, Any] = {
    "down_timer_adverts": 3,
    "garp_lower_prio_delay_s": 0,
    "garp_lower_prio_repeat": 0,
    "lower_prio_no_advert": True,
    "higher_prio_send_advert": False,
    "owner_ignore_adverts": True,
    "preempt_delay_s": 0.0,
    "vmac_xmit_base": False,
}


def apply_strict(settings: dict[str, Any], lines: dict[str, Statement], report: Report) -> None:
    """Bring the settings of an instance in strict mode to the letter of the RFC."""
    for field, value in _STRICT.items():
        line = lines.get(field)
        if line is not None and settings[field] != value:
            report.error(
                line.where(),
                f"{line.words[0]} cannot be so in strict mode, {_shown(value)} is used; "
                "remove the line, or add strict_mode no",
                "strict-setting",
            )
        settings[field] = value


def _shown(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def settle_announcements(settings: dict[str, Any]) -> None:
    """Defaults of announcements that are other settings of announcements: those of the file, not of an instance."""
    settings.setdefault("garp_lower_prio_delay_s", settings.get("garp_master_delay_s", GARP_DELAY_S))
    settings.setdefault("garp_lower_prio_repeat", settings.get("garp_master_repeat", GARP_REPEAT))


def settle_preempt_delay(
    settings: dict[str, Any], lines: dict[str, Statement], *, preempt: bool, state: State, report: Report
) -> None:
    """A delay of what does not happen is none (E2)."""
    line = lines.get("preempt_delay_s")
    if line is None or (preempt and state is not State.MASTER):
        return
    why = "state MASTER" if state is State.MASTER else "nopreempt"
    report.error(
        line.where(),
        f"preempt_delay does nothing with {why} and is ignored; remove one of them",
        "preempt-delay-ignored",
    )
    settings["preempt_delay_s"] = 0.0
