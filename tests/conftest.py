"""What all tests share: those that need root are skipped, in one line, where there is none."""

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    skip = pytest.mark.skip(reason="needs root (network namespaces, raw sockets); sudo make test runs it")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(skip)
