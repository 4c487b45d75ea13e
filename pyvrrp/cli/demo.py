"""`pyvrrp demo`: two hosts, two addresses, and what happens when one of the hosts stops.

The story, told with what the kernel and the daemons say, never with what is hoped: each act waits for an
address to appear or vanish in a host's namespace (RTM_NEWADDR, RTM_DELADDR), measures it against the
protocol's own bound, and fails the demo if it does not happen within that and a margin. It ends by itself.
"""

from __future__ import annotations

import argparse
import select
import signal
import time
from collections.abc import Callable

from pyvrrp.cli.demo_hosts import Host, Stage, leave_network
from pyvrrp.cli.screen import Screen
from pyvrrp.cli.status import aligned, priority, since
from pyvrrp.errors import DemoError, NetlinkError, PyvrrpError

# What conf/demo/*.conf say.
ADDRESSES = {"alpha": "192.0.2.1", "beta": "192.0.2.2"}
WEB, DB = "192.0.2.100", "192.0.2.200"
ADVERTISEMENT_INTERVAL_S = 0.2
BACKUP_PRIORITY = 100
CHECK_INTERVAL_S = 1.0

# RFC 5798 s6.1: the host that hears nothing for this long takes over.
MASTER_DOWN_S = 3 * ADVERTISEMENT_INTERVAL_S + (256 - BACKUP_PRIORITY) / 256 * ADVERTISEMENT_INTERVAL_S

MARGIN_S = 1.0          # beyond the protocol's bound, for a busy machine
START_S = 15.0          # for two daemons to start
REDRAW_S = 0.1
PAUSE_LIVE_S = 2.5      # between acts, for somebody who reads along
PAUSE_S = 0.3


class _Stopped(Exception):
    """A signal asked for the end."""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """`demo` takes nothing: its sockets are its own."""


def run(_arguments: argparse.Namespace) -> int:
    """Play it. Raises DemoError."""

    # Signals are only noted, and looked at between two steps: an exception out of a handler could come up
    # inside of a library, which may swallow it, or in the middle of cleaning up.
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: received.append(number))
    try:
        leave_network()
        with Stage(ADDRESSES) as stage, Screen() as screen:
            play = Play(stage, screen, received)
            try:
                play.run()
            except PyvrrpError:
                play.show_logs()
                raise
    except (OSError, NetlinkError) as error:
        raise DemoError(f"demo: no hosts can be made ({error}); run it as root: sudo pyvrrp demo") from error
    except _Stopped:
        return 128 + received[0]
    return 0


class Play:
    """The acts, and what was observed so far."""

    def __init__(self, stage: Stage, screen: Screen, received: list[int]) -> None:
        """`received` has the signals that came, as they come; any ends the play."""
        self._alpha, self._beta = stage.hosts["alpha"], stage.hosts["beta"]
        self._hosts = (self._alpha, self._beta)
        self._screen, self._received = screen, received
        self._pause_s = PAUSE_LIVE_S if screen.is_live else PAUSE_S
        self._appeared_s: dict[tuple[str, str], float] = {}     # (host, address) on it now: since when
        self._states: dict[tuple[str, str], str] = {}           # (host, instance): what its daemon says
        self._redraw_s = 0.0

    def run(self) -> None:
        """All acts. Raises DemoError if one does not come to its end in time."""
        self._both_start()
        self._alpha_stops()
        self._alpha_returns()
        self._check_fails()
        self._end()

    def _both_start(self) -> None:
        self._screen.say(
            "Two hosts, alpha and beta, on one switch; each runs pyvrrpd with an ordinary keepalived.conf.",
            f"They share two addresses: {WEB} (web, better on alpha) and {DB} (db, better on beta).",
        )
        for host in self._hosts:
            host.power_on()
        self._await(
            lambda: self._owns(self._alpha, "web", WEB) and self._owns(self._beta, "db", DB),
            START_S,
            "web on alpha and db on beta",
        )
        self._act_ends("alpha is MASTER of web, beta is MASTER of db. Each is BACKUP of the other.")

    def _alpha_stops(self) -> None:
        self._screen.say("", "Now alpha stops, as if its power failed: processes killed, wire gone.")
        at_s = self._alpha.power_off()
        self._forget(self._alpha)
        self._await(lambda: self._has(self._beta, WEB), MASTER_DOWN_S + MARGIN_S, "web on beta")
        took_s = self._appeared_s[self._beta.name, WEB] - at_s
        self._await(lambda: self._owns(self._beta, "web", WEB), START_S, "beta to say that it is MASTER")
        self._act_ends(
            f"beta had {WEB} {took_s:.2f} s after alpha stopped "
            f"(a BACKUP takes over when it has heard no advert for {MASTER_DOWN_S:.2f} s; "
            f"they come every {ADVERTISEMENT_INTERVAL_S:g} s)."
        )

    def _alpha_returns(self) -> None:
        self._screen.say("", "alpha boots again. Its priority for web is higher: it takes the address back.")
        at_s = time.monotonic()
        self._alpha.power_on()
        self._await(lambda: self._owns(self._alpha, "web", WEB), START_S, "web back on alpha alone")
        took_s = self._appeared_s[self._alpha.name, WEB] - at_s
        self._act_ends(f"alpha had {WEB} again {took_s:.2f} s after it was switched on; beta let it go.")

    def _check_fails(self) -> None:
        self._screen.say("", "Now a service on alpha breaks: its check fails and costs it 60 of priority.")
        at_s = time.monotonic()
        self._alpha.set_broken(True)
        bound_s = CHECK_INTERVAL_S + MASTER_DOWN_S + MARGIN_S
        self._await(lambda: self._has(self._beta, WEB), bound_s, "web on beta, whose priority is better now")
        took_s = self._appeared_s[self._beta.name, WEB] - at_s
        self._await(lambda: self._owns(self._beta, "web", WEB), bound_s, "web on beta alone")
        self._act_ends(f"beta had {WEB} {took_s:.2f} s later; the check runs every {CHECK_INTERVAL_S:g} s.")

    def _end(self) -> None:
        if self._screen.is_live:
            self._screen.keep()
        told = ", ".join(self._beta.notified())
        self._screen.say(
            "",
            f"The notify script of beta was told of it all: {told}.",
            "The hosts, their network and their files are removed now. With a configuration of your own:",
            "    pyvrrpd -n -l -D -f keepalived.conf",
            "    pyvrrp status",
        )

    def show_logs(self) -> None:
        """The ends of the daemons' logs, for a demo that failed."""
        self._screen.keep()
        for host in self._hosts:
            lines = host.log_tail() or ["(empty)"]
            self._screen.say("", f"The end of the log of {host.name}:", *(f"    {line}" for line in lines))

    def _act_ends(self, sentence: str) -> None:
        self._redraw()
        if not self._screen.is_live:
            self._screen.keep()
        self._screen.say(sentence)
        until_s = time.monotonic() + self._pause_s
        while time.monotonic() < until_s:
            self._observe(until_s)

    def _await(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Observe until it is so. Raises DemoError if it is not within `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() >= deadline_s:
                raise DemoError(f"demo: waited {timeout_s:.1f} s in vain for {what}; the logs are above")
            self._observe(deadline_s)

    def _observe(self, deadline_s: float) -> None:
        """Wait for the kernel's word until the table is due again, and at most until `deadline_s`."""
        if self._received:
            raise _Stopped
        now_s = time.monotonic()
        if now_s >= self._redraw_s:
            self._redraw()
            self._redraw_s = now_s + REDRAW_S
        watched = {host.watch: host for host in self._hosts if host.watch is not None}
        timeout_s = max(0.0, min(self._redraw_s, deadline_s) - time.monotonic())
        for watch in select.select(list(watched), [], [], timeout_s)[0]:
            for event in watch.read():
                key = watched[watch].name, event.address
                if event.is_added:
                    self._appeared_s.setdefault(key, event.at_s)
                else:
                    self._appeared_s.pop(key, None)

    def _redraw(self) -> None:
        """Ask the daemons, and show what they say."""
        rows = [["HOST", "INSTANCE", "STATE", "SINCE", "PRIORITY", "ADDRESS"]]
        self._states.clear()
        for host in self._hosts:
            statuses = host.statuses()
            for status in statuses:
                self._states[host.name, status.name] = status.state
                here = [vip for vip in status.vips if self._has(host, vip.partition("/")[0])]
                cells = [status.state, since(status), priority(status), ", ".join(here) or "-"]
                rows.append([host.name, status.name, *cells])
            if not statuses:
                rows.append([host.name, "-", "starting" if host.is_on else "stopped", "-", "-", "-"])
        self._screen.show(["", *aligned(rows)] if self._screen.is_live else aligned(rows))

    def _has(self, host: Host, address: str) -> bool:
        return (host.name, address) in self._appeared_s

    def _owns(self, host: Host, instance: str, address: str) -> bool:
        """Is it MASTER, with the address, by its own word and the kernel's, and is no other host either?"""
        for one in self._hosts:
            is_master = self._states.get((one.name, instance)) == "MASTER"
            if is_master != (one is host) or self._has(one, address) != (one is host):
                return False
        return True

    def _forget(self, host: Host) -> None:
        for key in [key for key in self._appeared_s if key[0] == host.name]:
            del self._appeared_s[key]

