"""What the log says of adverts: one sentence for each kind of event."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from pyvrrp.journal import tell
from pyvrrp.model import Instance
from pyvrrp.router import Router
from vrrpcore.engine import EVENTS
from vrrpcore.settings import Event


class Scope:
    """Names instances as a lone scope does."""

    def title_of(self, instance: Instance) -> str:
        return instance.name


def said(caplog: pytest.LogCaptureFixture, kind: str, value: int = 0, **changes: Any) -> str:
    instance = Instance(name="web", family=4, interface="eth0", vrid=51, priority=150, **changes)
    router = Router(
        number=1, instance=instance, priority=150, scope=cast(Any, Scope()), network=cast(Any, None)
    )
    source = bytes([192, 0, 2, 2]) + bytes(12)
    with caplog.at_level(logging.INFO, logger="pyvrrp"):
        tell(router, Event(EVENTS[kind], 0, 1, 2, 2, 0, 100, source, value))
    return caplog.messages[-1]


@pytest.mark.parametrize(("silent", "end"), [(False, "ours 150, forcing new election"), (True, "ours 150")])
def test_a_lower_advert_in_keepaliveds_words(caplog: pytest.LogCaptureFixture, silent: bool, end: str) -> None:
    line = said(caplog, "other_master", lower_prio_no_advert=silent)
    assert line == f"(web) Received advert from 192.0.2.2 with lower priority 100, {end}"


def test_an_interval_that_is_not_learned(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, "interval_short", 10).startswith("(web) the interval of 192.0.2.2 is taken for 0.1 s, ")


def test_another_first_address(caplog: pytest.LogCaptureFixture) -> None:
    line = said(caplog, "first_address")
    assert line.startswith("(web) 192.0.2.2 does not advertise a link-local address first; its adverts are obeyed")
