"""What the tests of users' wishes share: one Lab for a file, as in tests/netns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from netns import harness


@pytest.fixture(scope="module")
def lab() -> Iterator[harness.Lab]:
    with harness.lab() as made:
        yield made
