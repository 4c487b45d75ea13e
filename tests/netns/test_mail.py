"""Mail through a real SMTP server, in the network namespace that the file names; failures are told and counted."""

from __future__ import annotations

import pytest

from netns.harness import START_S, Lab, until
from netns.listeners import MailServer

pytestmark = [pytest.mark.root]

PORT = 2526
FILE = """\
net_namespace {namespace}
global_defs {{
    router_id node
    notification_email {{
        admin@example.org "On Call <call@example.org>"
        nobody@example.org
    }}
    smtp_server 127.0.0.1 {port}
    smtp_connect_timeout 30
    smtp_helo_name here
    smtp_alert
}}
track_file fault {{
    file {directory}/fault
}}
vrrp_instance VI_1 {{
    interface eth0
    version 3
    virtual_router_id 51
    advert_int 0.1
    track_file {{
        fault weight 0
    }}
    virtual_ipaddress {{
        192.0.2.100/24
    }}
}}
"""


def test_mails_are_sent_or_counted(lab: Lab) -> None:
    host, _ = lab.pair()
    daemon = lab.daemon("pyvrrpd", host)
    daemon.enter = False                # the file says where; the process that sends goes there too
    fault = daemon.directory / "fault"
    fault.write_text("0")
    daemon.configure(FILE.format(namespace=host.namespace, port=PORT, directory=daemon.directory))

    def mails() -> tuple[int, int]:
        counters = daemon.get("/v1/instances")["counters"]["notify"]
        return counters["mail_sent"], counters["mail_failed"]

    daemon.start()
    until(daemon.socket.exists, START_S, "the control socket")
    until(lambda: mails() == (0, 2), START_S, "BACKUP and MASTER are not told: there is no server")
    assert "mail server 127.0.0.1:2526 has taken 0 of" in daemon.log()
    assert "Connection refused" in daemon.log()

    server = MailServer(host.namespace, PORT)
    server.start()
    try:
        fault.write_text("1")
        until(lambda: mails() == (1, 2), START_S, "FAULT is told")
        (envelope, text), = server.mails
        sender, *recipients = envelope
        assert sender.startswith("<root@")
        assert recipients == ["<admin@example.org>", "<call@example.org>"]
        assert "Subject: [node] VRRP Instance VI_1 - Entering FAULT state\r\n" in text
        assert "To: admin@example.org, On Call <call@example.org>, nobody@example.org\r\n" in text
        assert "\r\n\r\n=> VRRP Instance is no longer owning VRRP VIPs <=\r\n" in text
        daemon.wait_log("nobody@example.org is refused: 550 no such user", 5)
        fault.write_text("0")
        until(lambda: mails() == (3, 2), START_S, "BACKUP and MASTER")
        daemon.terminate()
        assert server.subjects()[-1] == "[node] VRRP Instance VI_1 - Stopping"
    finally:
        server.close()
