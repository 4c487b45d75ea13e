"""Who is told of events, as a file says it: FIFOs, mail, the scripts of a file; what a group says for its members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyvrrp.config import load
from pyvrrp.model import Command, Fifo


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """A function that reads a text: global_defs, the lines of an instance, lines outside blocks."""

    def read_text(defs: str = "", own: str = "", top: str = "") -> Any:
        file = tmp_path / "keepalived.conf"
        base = "interface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.100/24\n}\n"
        file.write_text(f"{top}\nglobal_defs {{\n{defs}\n}}\nvrrp_instance A {{\n{base}{own}\n}}\n")
        return load(str(file), config_id="", interfaces=None)

    return read_text


def instance_of(loaded: Any) -> Any:
    (instance,) = loaded.configuration.instances
    return instance


def test_mail(read: Any) -> None:
    """The lines of every distribution's sample, and more."""
    mail = (
        'notification_email {\na@b c@d\n"Some Body <e@f>"\na@b\n}\nnotification_email_from x@y\n'
        "smtp_server 192.0.2.1 2525\nsmtp_connect_timeout 0\nsmtp_helo_name here\nno_email_faults"
    )
    loaded = read(defs=mail)
    assert not loaded.diagnostics
    defs = loaded.configuration.global_defs
    assert defs.notification_email == ("a@b", "c@d", "Some Body <e@f>")
    assert (defs.notification_email_from, defs.smtp_server) == ("x@y", ("192.0.2.1", 2525))
    assert (defs.smtp_connect_timeout_s, defs.smtp_helo_name, defs.no_email_faults) == (0, "here", True)
    assert read(defs="smtp_server mail").configuration.global_defs.smtp_server == ("mail", 25)
    assert read(defs="smtp_server mail 0").configuration.global_defs.smtp_server is None


@pytest.mark.parametrize(
    ("defs", "lines", "alert"),
    [
        ("", "", False),
        ("smtp_alert", "", True),
        ("smtp_alert_vrrp no\nsmtp_alert", "", False),
        ("smtp_alert no\nsmtp_alert_vrrp", "", True),
        ("smtp_alert", "smtp_alert no", False),
        ("", "smtp_alert", True),
    ],
)
def test_who_sends_mails(read: Any, defs: str, lines: str, alert: bool) -> None:
    group = f"vrrp_sync_group G {{\ngroup {{\nA\n}}\n{lines}\n}}\n"
    loaded = read(defs, lines, group)
    assert instance_of(loaded).smtp_alert is alert
    assert loaded.configuration.groups[0].smtp_alert is alert


@pytest.mark.parametrize(
    ("defs", "group", "lines", "tells"),
    [
        ("", "", "", False),
        ("vrrp_notify_priority_changes", "", "", True),
        ("vrrp_notify_priority_changes", "notify_priority_changes no", "", False),
        ("", "notify_priority_changes", "", True),
        ("", "notify_priority_changes", "notify_priority_changes no", False),
        ("vrrp_notify_priority_changes no", "notify_priority_changes no", "notify_priority_changes", True),
    ],
)
def test_who_tells_priorities(read: Any, defs: str, group: str, lines: str, tells: bool) -> None:
    """The instance's own word, then its group's, then that of the file."""
    top = f"vrrp_sync_group G {{\ngroup {{\nA\n}}\n{group}\n}}\n"
    assert instance_of(read(defs, lines, top)).notify_priority_changes is tells


def test_fifos_and_scripts_of_a_file(read: Any) -> None:
    defs = read(
        defs="notify_fifo /run/a root root\nvrrp_notify_fifo /run/b\nnotify_fifo_script \"/bin/cat x\" root\n"
        "vrrp_notify_fifo_script /bin/true\nfifo_write_vrrp_states_on_reload\nstartup_script /bin/true\n"
        "shutdown_script /bin/false\nstartup_script_timeout 3\nshutdown_script_timeout 4"
    ).configuration.global_defs
    assert (defs.notify_fifo, defs.vrrp_notify_fifo) == (Fifo("/run/a", "root", "root"), Fifo("/run/b"))
    assert defs.notify_fifo_script == Command(("/bin/cat", "x"), "root")
    assert defs.vrrp_notify_fifo_script == Command(("/bin/true",))
    assert defs.fifo_write_vrrp_states_on_reload
    assert (defs.startup_script, defs.startup_script_timeout_s) == (Command(("/bin/true",)), 3)
    assert (defs.shutdown_script, defs.shutdown_script_timeout_s) == (Command(("/bin/false",)), 4)


def test_of_fifos_the_first_counts(read: Any) -> None:
    loaded = read(defs="notify_fifo /run/a\nnotify_fifo /run/b\nvrrp_notify_fifo /run/a")
    assert loaded.configuration.global_defs.notify_fifo == Fifo("/run/a")
    assert loaded.configuration.global_defs.vrrp_notify_fifo is None
    told = [diagnostic.message for diagnostic in loaded.diagnostics]
    assert told == [
        "notify_fifo was given before, and the first counts; remove this one",
        "vrrp_notify_fifo: /run/a is notify_fifo already, which gets the same lines; remove this line",
    ]
