"""The process that sends a batch of mails: standard input is the Batch, standard output the Answer.

It goes into the batch's network namespace, connects once and sends one mail after another. A server that refuses one
mail is asked to take the next; one that cannot be reached, or goes away, ends the batch: what is left is not tried.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import smtplib
import socket
import sys
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

import msgspec

from pyvrrp import netns, privileges
from pyvrrp.errors import PyvrrpError
from pyvrrp.notify.mail import Account, Answer, Batch, Mail


def send(batch: Batch) -> Answer:
    """Send the mails of a batch. Nothing is raised: whatever goes wrong is in the answer."""
    account, sent, errors = batch.account, 0, []
    left = len(batch.mails)
    try:
        if account.netns:
            netns.enter(account.netns)
        privileges.confine()
        helo = account.helo or socket.gethostname()
        with smtplib.SMTP(account.host, account.port, helo, timeout=account.timeout_s) as server:
            for mail in batch.mails:
                left -= 1
                try:
                    refused = server.send_message(message(mail, account))
                    sent += 1
                    errors += [f"{who} is refused: {_told(*why)}" for who, why in refused.items()]
                except smtplib.SMTPServerDisconnected:
                    left += 1
                    raise
                except smtplib.SMTPRecipientsRefused as error:
                    errors += [f"{who} is refused: {_told(*why)}" for who, why in error.recipients.items()]
                except smtplib.SMTPResponseException as error:
                    errors.append(_told(error.smtp_code, error.smtp_error))
                except ValueError as error:
                    errors.append(f"it cannot be written: {error}")
    except (OSError, PyvrrpError, UnicodeError) as error:
        if left or not sent:
            errors.append(str(error) or type(error).__name__)
    return Answer(sent, errors)


def message(mail: Mail, account: Account) -> EmailMessage:
    """The text of a mail, headers in keepalived's order. Raises ValueError: a recipient is no address."""
    made = EmailMessage(policy=SMTP)
    made["Date"] = formatdate(mail.date_s, localtime=True)
    made["From"] = account.sender or f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    made["Subject"] = mail.subject
    made["X-Mailer"] = "pyvrrp"
    made["To"] = ", ".join(account.recipients)
    made.set_content(mail.body)
    return made


def _told(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"


def main() -> None:
    """Read a batch, send it, answer."""
    batch = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Batch)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.msgpack.encode(send(batch)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
