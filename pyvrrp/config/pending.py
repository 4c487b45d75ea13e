"""What is read and kept in the model, and not carried out yet. Each use gives one warning that says what is missing.

When the runtime carries a thing out, its entry goes, and with it the call of `warn` that names it.
"""

from __future__ import annotations

from pyvrrp.config.report import Report
from pyvrrp.model import Where

CONSEQUENCES = {
    "use_vmac": "the address is put on its interface itself, with the interface's MAC address",
    "route": "the MASTER does not add it; add it with ip route until then",
    "rule": "the MASTER does not add it; add it with ip rule until then",
    "static_ipaddress": "the address is not put on its interface; add it with ip address until then",
    "static_routes": "the route is not added; add it with ip route until then",
    "static_rules": "the rule is not added; add it with ip rule until then",
    "track_group": "losing a static item changes no instance",
    "track_file": "the file is not read, and what tracks it runs as if its number were 0",
    "vrrp_track_process": "processes are not counted, and what tracks them runs as if all were well",
    "track_bfd": "what tracks it runs as if the BFD session were up",
    "interface_up_down_delays": "an interface counts as down, and as up, at once",
    "linkbeat_interfaces": "the kernel's word on the link is taken",
    "garp_group": "the intervals of global_defs count for its interfaces",
    "notify_deleted": "notify_fault is run when the instance is deleted, as without this line",
    "notify_master_rx_lower_pri": "it is never run",
    "notify_fifo": "nothing is written to it",
    "notify_fifo_script": "it is not started",
    "startup_script": "it is not run",
    "shutdown_script": "it is not run",
}


def warn(report: Report, where: Where, what: str, subject: str = "") -> None:
    """Say of one use that it has no effect yet. subject: how the message calls it; empty: as `what`."""
    report.warning(where, f"{subject or what} is read but not applied yet: {CONSEQUENCES[what]}")
