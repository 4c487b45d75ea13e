"""One router's trouble is its own."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from pyvrrp.host import Host


def host() -> Host:
    """A Host without a reactor, for what needs none."""
    made = Host.__new__(Host)
    made.is_stopping = False
    return made


def router(index: int, judged: list[int]) -> SimpleNamespace:
    def judge(one: SimpleNamespace) -> None:
        judged.append(one.index)
        if one.index == 1:
            raise IndexError("as a test")

    return SimpleNamespace(index=index, title=f"R{index}", scope=SimpleNamespace(judge=judge))


def test_a_router_that_cannot_be_judged_is_told_and_left(caplog: pytest.LogCaptureFixture) -> None:
    judged: list[int] = []
    with caplog.at_level(logging.ERROR):
        for index in (0, 1, 2):
            host().judge(router(index, judged))  # type: ignore[arg-type]
    assert judged == [0, 1, 2]
    assert [record.getMessage() for record in caplog.records] == ["(R1) could not be judged; please report this fault"]


def test_one_that_the_engine_does_not_have_yet_is_not_judged() -> None:
    judged: list[int] = []
    host().judge(router(-1, judged))  # type: ignore[arg-type]
    assert judged == []
