"""Every file in conf/ is one that runs as it stands: nothing is reported about it."""

from pathlib import Path

import pytest

from pyvrrp.config import load

CONF = Path(__file__).parents[2] / "conf"
INTERFACES = frozenset(("lo", "eth0", "eth1"))

# The demo puts its scripts where these files look for them; until then they do not exist.
MADE_BY_THE_DEMO = "/run/pyvrrp-demo/"


def files() -> list[Path]:
    return sorted(CONF.rglob("*.conf"))


def test_there_are_examples() -> None:
    names = {path.relative_to(CONF).as_posix() for path in files()}
    assert {"examples/unicast-pair.conf", "examples/sync-group.conf", "demo/alpha.conf"} <= names


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(CONF).as_posix())
def test_nothing_is_reported(path: Path) -> None:
    loaded = load(str(path), config_id="host-a", interfaces=INTERFACES)
    messages = [str(diagnostic) for diagnostic in loaded.diagnostics]
    assert [message for message in messages if MADE_BY_THE_DEMO not in message] == []
    assert loaded.configuration is not None
    assert loaded.configuration.instances
    assert not loaded.configuration.refused
