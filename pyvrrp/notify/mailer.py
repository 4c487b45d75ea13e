"""Mails that wait to be sent, and the worker processes that send them (smtp_alert).

post() never waits: the daemon's loop opens no connection and looks no name up. What waits is bounded; beyond that the
oldest are dropped and counted, since the newest state is what counts. Mails of one account go in the order in which
they were posted, a batch to a worker; other accounts have workers of their own, a few at a time. A mail that cannot be
sent is counted and said; it is not tried again, as under keepalived.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

import msgspec

from pyvrrp import limits
from pyvrrp.errand import errand
from pyvrrp.notify.mail import Account, Answer, Batch, Mail

log = logging.getLogger("pyvrrp.notify")

_WORKER = "pyvrrp.notify.mail_worker"
_ERRORS_SHOWN = 3


@dataclass(slots=True)
class MailCounters:
    """Totals for status and metrics."""

    sent: int = 0           # that a server has taken
    failed: int = 0
    dropped: int = 0        # too many were waiting


class Mailer:
    """All mails of the daemon. For the event loop's thread only."""

    def __init__(self) -> None:
        self.counters = MailCounters()
        self._queues: dict[Account, deque[Mail]] = {}       # in the order in which their first mail came
        self._waiting = 0
        self._tasks: dict[Account, asyncio.Task[None]] = {}
        self._is_overfull = False

    @property
    def waiting(self) -> int:
        """Mails that no worker has yet."""
        return self._waiting

    def post(self, account: Account, mail: Mail) -> None:
        """Have a mail sent."""
        self._queues.setdefault(account, deque()).append(mail)
        self._waiting += 1
        if self._waiting > limits.MAILS_MAX:
            self._drop_one()
        self._start_some()

    async def close(self, timeout_s: float = limits.MAIL_STOP_S) -> None:
        """Give what waits `timeout_s` to be sent; then the workers are ended, and the rest is dropped."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._tasks:
                    await asyncio.wait(list(self._tasks.values()))
        except TimeoutError:
            log.warning("%d mails are not sent: the daemon stops, and their server takes too long",
                        self._waiting + len(self._tasks))
        self.counters.dropped += self._waiting
        self._queues.clear()
        self._waiting = 0
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop_one(self) -> None:
        longest = max(self._queues.values(), key=len)
        longest.popleft()
        self._waiting -= 1
        self.counters.dropped += 1
        if not self._is_overfull:
            self._is_overfull = True
            log.warning("%d mails wait to be sent, so the oldest are dropped; they are counted, and this is said once",
                        limits.MAILS_MAX)

    def _start_some(self) -> None:
        for account in self._queues:
            if len(self._tasks) >= limits.MAIL_WORKERS_MAX:
                return
            if account not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._work(account), name=f"mail to {account.host}")
                self._tasks[account] = task
                task.add_done_callback(lambda _, account=account: self._done(account))  # type: ignore[misc]

    def _done(self, account: Account) -> None:
        self._tasks.pop(account, None)
        self._start_some()

    async def _work(self, account: Account) -> None:
        """Send one batch of an account. Others may be waiting for a worker, so the next batch is for another task."""
        await asyncio.sleep(0)          # what is posted in this turn goes together
        queue = self._queues.pop(account)
        mails = [queue.popleft() for _ in range(min(len(queue), limits.MAIL_BATCH))]
        if queue:
            self._queues[account] = queue           # behind the others
        self._waiting -= len(mails)
        if not self._waiting:
            self._is_overfull = False
        answer = await _send(Batch(account, mails))
        self.counters.sent += answer.sent
        self.counters.failed += len(mails) - answer.sent
        if answer.sent < len(mails) or answer.errors:
            told = "; ".join(answer.errors[:_ERRORS_SHOWN]) or "no reason is known"
            more = len(answer.errors) - _ERRORS_SHOWN
            log.warning(
                "mail server %s:%d has taken %d of %d mails, the first of them %r: %s%s",
                account.host, account.port, answer.sent, len(mails), mails[0].subject, told,
                f" (and {more} more)" if more > 0 else "",
            )


async def _send(batch: Batch) -> Answer:
    """Have a worker send a batch; whatever becomes of the worker is an answer."""
    try:
        async with errand(_WORKER, msgspec.msgpack.encode(batch), timeout_s=limits.MAIL_WORKER_S) as done:
            if done.status == 0:
                return _answer(done.answer)
            return Answer(0, [f"the process that sends them {done.failure()}"])
    except (OSError, msgspec.DecodeError) as error:
        return Answer(0, [f"the process that sends them: {error}"])


def _answer(fd: int) -> Answer:
    with open(fd, "rb", closefd=False) as file:     # a file in memory: nothing waits
        file.seek(0)
        return msgspec.msgpack.decode(file.read(), type=Answer)
