"""The short form of bench/failover.py: one round of its first case. `make bench-failover` is the long one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from failover import CASES, figures, medians, rounds

from pyvrrp.meter.daemons import KEEPALIVED

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Path(KEEPALIVED).exists(), reason="keepalived is not installed"),
]


def test_mass_failover(figure: Callable[..., Any]) -> None:
    case = CASES[0]
    for found in figures(case, medians(list(rounds(case, 1)))):
        figure(**{name: getattr(found, name) for name in found.__slots__})
