"""What all tests share: those that need root are skipped, in one line, where there is none; hypothesis has time."""

import os

import hypothesis
import pytest

# A time for each example says how busy the machine is, not what the code does.
# The same examples every time, so that a red run can be had again; `make nightly` looks for new ones.
hypothesis.settings.register_profile("pyvrrp", deadline=None, derandomize="PYVRRP_NIGHTLY" not in os.environ)
hypothesis.settings.load_profile("pyvrrp")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    skip = pytest.mark.skip(reason="needs root (network namespaces, raw sockets); sudo make test runs it")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(skip)
