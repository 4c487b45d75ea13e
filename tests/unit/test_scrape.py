"""A scrape of an engine's routers: labels are kept, and made anew when they are not true any more."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import Any

from network import settings

from pyvrrp.metrics.exposition import labels
from pyvrrp.model import Instance, State
from pyvrrp.scrape import Scraper
from pyvrrp.statistics import Durations
from vrrpcore.reactor import Reactor


def test_labels_follow_instances_and_scopes() -> None:
    reactor = Reactor()
    engine = reactor.engine
    for family in (4, 6):
        engine.add_domain(family)
    scopes: list[str] = []
    routers: list[Any] = []

    def add(number: int, name: str) -> None:
        instance = Instance(name=name, family=4, interface="eth0", vrid=number)
        routers.append(SimpleNamespace(
            index=engine.add(settings(number, vrid=number)), title=name, instance=instance,
            placed=SimpleNamespace(instance=instance),
            network=SimpleNamespace(name=None, applier=None), since_s=0.0, state=State.BACKUP,
        ))

    scraper = Scraper(
        reactor, routers=lambda: list(routers), takeovers=Durations(), netlink_batches=Durations(), counters=dict,
        trackers=list, shown_scopes=lambda: tuple(scopes), has_compat=True,
    )

    def told() -> tuple[list[str], list[str]]:
        """The labels of states, and the names that an exporter's metric has."""
        text = b"".join(asyncio.run(scraper.look())).decode()
        lines = text.splitlines()
        return (
            [line[len("pyvrrp_instance_state{"):].partition("}")[0] for line in lines
             if line.startswith("pyvrrp_instance_state{")],
            [line.split('"')[1] for line in lines if line.startswith("keepalived_become_master_total{")],
        )

    def of(name: str, vrid: int) -> str:
        return labels(name=name, interface="eth0", vrid=vrid, family=4)

    assert told() == ([], [])
    add(1, "web")
    add(2, "db")
    assert told() == told() == ([of("web", 1), of("db", 2)], ["web", "db"])
    routers[0].instance = dataclasses.replace(routers[0].instance, interface="eth1")
    assert told()[0][0] == labels(name="web", interface="eth1", vrid=1, family=4)
    # Another file of the same last name comes: scopes are called otherwise, and instances are as they were.
    for scope in ("k", "red/k"):
        scopes[:] = [scope, "x"]
        for router in routers:
            router.title = f"{scope}/{router.instance.name}"
        assert told()[1] == [f"{scope}/web", f"{scope}/db"]
    del routers[0]
    assert told() == ([of("red/k/db", 2)], ["red/k/db"])
    reactor.close()
