"""Random scenarios on random configurations, through the reader of configurations: every check must hold in each.

Hosts stop, shut down, stand still, are cut off and held, their links and scripts fail; the wire is late, and in half of
the scenarios it loses and doubles for a while. The last host is only ever cut off, so that somebody can be MASTER. Each
scenario is of one seed, which a failure names; with PYVRRP_NIGHTLY there are more of them, and others each time.
"""

from __future__ import annotations

import os
import time
from random import Random

import pytest

from pyvrrp.config import load
from pyvrrp.model import State
from pyvrrp.simulate.checks import IN_TIME
from pyvrrp.simulate.network import Weather
from pyvrrp.simulate.play import Play
from pyvrrp.simulate.scenario import Step, in_order, step
from pyvrrp.simulate.wiring import wire

NIGHTLY = "PYVRRP_NIGHTLY" in os.environ
BATCHES = 100 if NIGHTLY else 10
BATCH = 50 if NIGHTLY else 25
FIRST = int(time.time()) if NIGHTLY else 0
MS = 1_000_000


def configurations(chance: Random) -> tuple[dict[str, str], bool]:
    """The files of some hosts, by name, and whether the best host is sure to be MASTER when all is well."""
    names = [chr(ord("A") + k) for k in range(chance.randint(2, 5))]
    version, family = chance.choice((2, 3, 3)), chance.choice((4, 4, 6))
    interval = "1" if version == 2 else chance.choice(("0.1", "0.25", "1"))
    is_unicast, count = chance.random() < 0.5, chance.choice((1, 1, 2, 3))
    is_group = count > 1 and chance.random() < 0.5
    is_plain = chance.random() < 0.5
    base = "192.0.2." if family == 4 else "fe80::"
    files = {}
    for number, name in enumerate(names, 1):
        text = ["vrrp_script check {\n script /bin/true\n interval 1\n fall 2\n rise 2\n}"]
        priority = chance.choice((100, 101, 150, chance.randint(1, 254)))
        options = [] if is_plain else [chance.choice(("", "", "nopreempt", "preempt_delay 0.5", "preempt_delay 2"))]
        weights = ("",) if is_group or "nopreempt" in options else ("", " weight -30", " weight 20")
        script_weight = chance.choice(weights)
        for k in range(count):
            if not is_group:
                priority = chance.choice((priority, chance.randint(1, 254)))
            vip = f"192.0.2.{100 + k}/24" if family == 4 else f"fe80::{100 + k}/64"
            text += [
                f"vrrp_instance V{k} {{", f" version {version}", f" interface eth{k % 2}",
                f" virtual_router_id {51 + k}", f" priority {priority}", f" advert_int {interval}", *options,
            ]
            if is_unicast:
                peers = [f" {base}{other}" for other in range(1, len(names) + 1) if other != number]
                text += [f" unicast_src_ip {base}{number}", " unicast_peer {", *peers, " }"]
            if not is_plain:
                text += [" track_script {", f" check{script_weight}", " }"]
            text += [" virtual_ipaddress {", f" {vip}", " }", "}"]
        if is_group:
            text += ["vrrp_sync_group G {", " group {", *(f" V{k}" for k in range(count)), " }", "}"]
        files[name] = "\n".join(text) + "\n"
    return files, is_plain and not is_group


def steps_of(chance: Random, names: list[str], settle_s: float, is_lossy: bool, has_script: bool) -> list[Step]:
    """What happens, and in the end its undoing: all is well again."""
    lines: list[tuple[float, str]] = []
    at_s = chance.choice((0.5, settle_s + 0.1))
    is_on, is_paused = dict.fromkeys(names, True), dict.fromkeys(names, False)
    if is_lossy:
        lines += [(0.0, f"loss {chance.choice((5, 30, 70))}%"), (0.0, "duplicate 20%")]
    for _ in range(chance.randint(1, 12)):
        name = chance.choice(names[:-1])
        action = chance.choice(("stop", "shutdown", "pause", "cut", "cut", "link", "script", "priority", "hold"))
        if is_paused[name]:
            lines.append((at_s, f"continue {name}"))
            is_paused[name] = False
        elif not is_on[name]:
            lines.append((at_s, f"start {name}"))
            is_on[name] = True
        elif action in ("stop", "shutdown"):
            lines.append((at_s, f"{action} {name}"))
            is_on[name] = False
        elif action == "pause":
            lines.append((at_s, f"pause {name}"))
            is_paused[name] = True
        elif action == "cut":
            one = chance.sample(names, chance.randint(1, len(names) - 1))
            way = chance.choice((" ", " ", " to "))
            lines += [(at_s, "join"), (at_s, f"cut {','.join(one)}{way}{','.join(set(names) - set(one))}")]
        elif action == "link":
            lines.append((at_s, f"link {name} eth0 {chance.choice(('up', 'down'))}"))
        elif action == "script" and has_script:
            lines.append((at_s, f"script {name} check {chance.choice(('ok', 'fail'))}"))
        elif action == "priority":
            lines.append((at_s, f"priority {name} * {chance.randint(1, 254)}"))
        else:
            lines.append((at_s, f"{chance.choice(('hold', 'resume'))} {name} *"))
        at_s += chance.choice((0.0, chance.random(), 3 * chance.random(), settle_s + 5))
    lines += [(at_s, "join"), (at_s, "loss 0%"), (at_s, "duplicate 0%")]
    for name in names:
        if is_paused[name]:
            lines.append((at_s, f"continue {name}"))
        if not is_on[name]:
            lines.append((at_s, f"start {name}"))
        lines += [(at_s, f"link {name} eth0 up"), (at_s, f"resume {name} *")]
        lines += [(at_s, f"script {name} check ok")] if has_script else []
    return in_order(step(f"{when_s:.6f}s", words, names) for when_s, words in lines)


def scenario(seed: int) -> tuple[Play, list[Step], bool, bool]:
    """A network that has not begun, what is to happen, whether the best wins, and whether the wire loses."""
    chance = Random(seed)
    files, best_wins = configurations(chance)
    hosts = {}
    for name, text in files.items():
        loaded = load(name, config_id=name, interfaces=None, data=text.encode())
        assert loaded.configuration is not None
        assert loaded.configuration.refused == ()
        assert loaded.diagnostics == ()
        hosts[name] = loaded.configuration
    weather = Weather(*chance.choice(((100_000, 0), (MS, 5 * MS), (100_000, 40 * MS))))
    is_lossy = chance.random() < 0.5
    play = Play(hosts, wire(hosts), seed=seed, weather=weather)
    has_script = any(configuration.instances[0].track_scripts for configuration in hosts.values())
    settle_s = play.checks.settle_ns / 1e9
    return play, steps_of(chance, list(hosts), settle_s, is_lossy, has_script), best_wins, is_lossy


def check(seed: int) -> None:
    play, steps, best_wins, is_lossy = scenario(seed)
    play.play(steps)
    told = "\n".join(str(one) for one in steps)
    failures = [one for one in play.checks.failures if one.check == IN_TIME or not is_lossy]
    end_ns = play.now_ns
    at_end = [one for one in play.checks.failures if one.at_ns == end_ns]
    assert failures == [], f"seed {seed}: {[one.what for one in failures]}\n{told}"
    assert at_end == [], f"seed {seed}: {[one.what for one in at_end]}\n{told}"
    assert play.checks.settled > 0
    ordered = any(one.action == "priority" for one in steps)
    for electorate in play.checks.electorates if best_wins and not ordered else ():
        priorities = [one.instance.priority for one in electorate.members]
        masters = [one.instance.priority for one in electorate.members if one.state is State.MASTER]
        assert masters == [max(priorities)], f"seed {seed}\n{told}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_check_holds(batch: int) -> None:
    for seed in range(FIRST + batch * BATCH, FIRST + (batch + 1) * BATCH):
        check(seed)
