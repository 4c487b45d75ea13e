"""What tests of the configuration share."""

from pathlib import Path

import pytest
from config_texts import INTERFACES

from pyvrrp.config import Loaded, load


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str | bytes, interfaces: frozenset[str] | None = INTERFACES) -> Loaded:
        path = tmp_path / "k.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(str(path), config_id="x", interfaces=interfaces)

    return read
