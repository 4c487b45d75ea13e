"""pyvrrp/notify/mail.py, mailer.py: what a mail says, and the queue before the processes that send mails."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pyvrrp import limits
from pyvrrp.model import GlobalDefs, MailServer
from pyvrrp.notify import mailer
from pyvrrp.notify.mail import Account, Answer, Batch, Mail, account_of, mail_of
from pyvrrp.notify.mail_worker import message
from pyvrrp.notify.mailer import Mailer

# As keepalived 2.2.7 sent them, but for STOP, for which it has words and no time.
TEXTS = {
    ("INSTANCE", "MASTER"): ("Instance X - Entering MASTER state", "VRRP Instance is now owning VRRP VIPs"),
    ("INSTANCE", "BACKUP"): ("Instance X - Entering BACKUP state", "VRRP Instance is no longer owning VRRP VIPs"),
    ("INSTANCE", "FAULT"): ("Instance X - Entering FAULT state", "VRRP Instance is no longer owning VRRP VIPs"),
    ("INSTANCE", "DELETED"): ("Instance X - Deleted", "VRRP Deleted at reload"),
    ("INSTANCE", "STOP"): ("Instance X - Stopping", "VRRP Instance stopping"),
    ("GROUP", "MASTER"): ("Group X - Entering MASTER state", "All VRRP group instances are now in MASTER state"),
    ("GROUP", "BACKUP"): ("Group X - Entering BACKUP state", "All VRRP group instances are now in BACKUP state"),
    ("GROUP", "FAULT"): ("Group X - Entering FAULT state", "All VRRP group instances are now in FAULT state"),
    ("GROUP", "STOP"): ("Group X - Stopping", "All VRRP group instances are now stopping"),
}


def account(host: str = "mail", **more: object) -> Account:
    fields: dict[str, object] = {"helo": "", "timeout_s": 5, "sender": "a@b", "recipients": ("c@d",)}
    return Account(host=host, port=25, **(fields | more))  # type: ignore[arg-type]


@pytest.mark.keepalived("N10")
@pytest.mark.parametrize(("kind", "what"), TEXTS)
def test_the_words_are_keepalived_s(kind: str, what: str) -> None:
    subject, body = TEXTS[kind, what]
    assert mail_of("node", kind, "X", what, now_s=7.9) == Mail(f"[node] VRRP {subject}", f"=> {body} <=\n", 7)


def test_there_is_no_mail_about_priorities() -> None:
    assert mail_of("node", "INSTANCE", "X", "MASTER_PRIORITY", now_s=0) is None
    assert mail_of("node", "INSTANCE", "X", "MASTER_RX_LOWER_PRI", now_s=0) is None


def test_a_name_is_no_header() -> None:
    mail = mail_of("node", "INSTANCE", "X\r\nBcc: all@example.org\udcff", "MASTER", now_s=0)
    assert mail is not None
    assert mail.subject == "[node] VRRP Instance X Bcc: all@example.org? - Entering MASTER state"


def test_without_server_or_recipients_there_is_no_account() -> None:
    server, to = MailServer("192.0.2.25", 2525), ("a@b",)
    assert account_of(GlobalDefs(router_id="r", smtp_server=server)) is None
    assert account_of(GlobalDefs(router_id="r", notification_email=to)) is None
    whole = GlobalDefs(router_id="r", smtp_server=server, notification_email=to, smtp_connect_timeout_s=0,
                       net_namespace="blue")
    assert account_of(whole) == Account("192.0.2.25", 2525, "", 1, "", to, "blue")


def test_the_message() -> None:
    made = message(Mail("caf\u00e9", "=> x <=\n", 0), account(recipients=("a@b", "Some Body <c@d>")))
    assert made["From"] == "a@b"
    assert made["To"] == "a@b, Some Body <c@d>"
    assert [each.addr_spec for each in made["To"].addresses] == ["a@b", "c@d"]
    assert made["Subject"] == "caf\u00e9"
    assert b"=> x <=\r\n" in bytes(made)
    assert bytes(made).isascii()


class Sent:
    """Takes batches in place of the worker processes; each waits for its account's event."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[Batch] = []
        self.go = asyncio.Event()
        monkeypatch.setattr(mailer, "_send", self.send)

    async def send(self, batch: Batch) -> Answer:
        self.batches.append(batch)
        await self.go.wait()
        taken = [mail for mail in batch.mails if "refused" not in mail.subject]
        return Answer(len(taken), ["550 no"] * (len(batch.mails) - len(taken)))

    def subjects(self) -> list[list[str]]:
        return [[mail.subject for mail in batch.mails] for batch in self.batches]


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_mails_go_in_batches_and_accounts_side_by_side(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "MAIL_BATCH", 2)
    monkeypatch.setattr(limits, "MAIL_WORKERS_MAX", 2)
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        sent = Sent(monkeypatch)
        post = Mailer()
        for subject in ("a1", "a2", "a3 refused"):
            post.post(account("a"), Mail(subject, "", 0))
        post.post(account("b"), Mail("b1", "", 0))
        post.post(account("c"), Mail("c1", "", 0))
        await some_turns()
        assert sent.subjects() == [["a1", "a2"], ["b1"]]
        assert post.waiting == 2
        sent.go.set()
        await some_turns()
        assert sent.subjects()[2:] == [["c1"], ["a3 refused"]] or sent.subjects()[2:] == [["a3 refused"], ["c1"]]
        assert (post.counters.sent, post.counters.failed, post.waiting) == (4, 1, 0)
        await post.close()

    asyncio.run(main())
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == "mail server a:25 has taken 0 of 1 mails, the first of them 'a3 refused': 550 no"


def test_the_oldest_are_dropped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(limits, "MAILS_MAX", 2)
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        sent = Sent(monkeypatch)
        post = Mailer()
        for number in range(5):
            post.post(account(), Mail(str(number), "", 0))
        sent.go.set()
        await some_turns()
        assert sent.subjects() == [["3", "4"]]
        assert (post.counters.dropped, post.counters.sent) == (3, 2)
        await post.close()

    asyncio.run(main())
    assert len(caplog.records) == 1


def test_the_end_does_not_wait_for_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAIL_BATCH", 1)

    async def main() -> None:
        sent = Sent(monkeypatch)
        post = Mailer()
        for number in range(3):
            post.post(account(), Mail(str(number), "", 0))
        await post.close(0.01)
        assert sent.subjects() == [["0"]]
        assert post.counters.dropped == 2
        assert post.waiting == 0

    asyncio.run(main())
