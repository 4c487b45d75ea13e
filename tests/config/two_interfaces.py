"""Where keepalived is run for a comparison: a network namespace with eth0 and eth1, which goes with the process."""

from __future__ import annotations

import shutil

import pytest

NAMESPACE = """
ip link set lo up
ip link add eth0 type veth peer name eth1
ip address add 192.0.2.11/24 dev eth0
ip address add 192.0.2.12/24 dev eth1
ip link set eth0 up
ip link set eth1 up
"""
NEEDS_KEEPALIVED = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]
