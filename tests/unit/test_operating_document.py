"""docs/operating.md names every option that there is."""

import re
from pathlib import Path

import pytest

from pyvrrp.options import OPTIONS

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
IN_TABLES = "\n".join(line.split("|")[1] for line in TEXT.splitlines() if line.startswith("|"))
NAMED = set(re.findall(r"[\w-]+", IN_TABLES))


@pytest.mark.parametrize("option", [option.long for option in OPTIONS])
def test_option(option: str) -> None:
    assert f"--{option}" in NAMED
