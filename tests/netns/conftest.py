"""What the namespace tests share: one Lab for the session, so that the witness is one thread."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from netns import harness


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that runs keepalived is skipped, in one line, where there is none."""
    if Path(harness.KEEPALIVED).exists() and shutil.which(harness.IP):
        return
    skip = pytest.mark.skip(reason="keepalived or ip not found; make test-deps installs them")
    for item in items:
        if item.get_closest_marker("root") and "netns" in item.path.parts:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def lab() -> Iterator[harness.Lab]:
    with harness.lab() as made:
        yield made
