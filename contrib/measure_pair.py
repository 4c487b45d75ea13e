"""Measure one daemon on both sides of N unicast pairs: CPU for each advert, and memory. Needs root.

    measure_pair.py ROUTERS INTERVAL_S SECONDS DAEMON...

DAEMON is the path of pyvrrpd or keepalived; several are measured one after the other. Two network namespaces are made,
joined by a veth pair, one daemon in each, and removed afterwards. CPU is utime and stime of the process that speaks
VRRP, from /proc/PID/stat, once all masters are there; memory is that of the daemon and its children.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 60.0
PER_SOURCE = 250        # routers that share a pair of source addresses: less than there are VRIDs


def configuration(routers: int, interval_s: float, host: int) -> str:
    """The keepalived.conf of host 1 (MASTER of all) or 2."""
    lines = []
    for k in range(routers):
        group, vrid = divmod(k, PER_SOURCE)
        lines.append(
            f"vrrp_instance i{k} {{\n interface eth0\n version 3\n virtual_router_id {vrid + 1}\n"
            f" priority {250 - 50 * host}\n advert_int {interval_s:g}\n unicast_src_ip 10.9.{group}.{host}\n"
            f" unicast_peer {{\n  10.9.{group}.{3 - host}\n }}\n"
            f" virtual_ipaddress {{\n  10.10.{k >> 8}.{k & 255}/32\n }}\n}}\n"
        )
    return "".join(lines)


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def network(routers: int) -> Iterator[tuple[str, str]]:
    """Two namespaces with an eth0 each; their names."""
    names = (f"pair-{os.getpid()}-1", f"pair-{os.getpid()}-2")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for host, name in enumerate(names, 1):
            ip("-n", name, "link", "set", "eth0", "up")
            for group in range((routers - 1) // PER_SOURCE + 1):
                ip("-n", name, "addr", "add", f"10.9.{group}.{host}/24", "dev", "eth0")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_mb(pid: int) -> tuple[float, float]:
    """RSS and PSS of a process and its children."""
    totals = {"Rss:": 0, "Pss:": 0}
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (str(pid), *children):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:]:
            name, size, *_ = line.split()
            if name in totals:
                totals[name] += int(size)
    return totals["Rss:"] / 1024, totals["Pss:"] / 1024


def measure(daemon: str, routers: int, interval_s: float, seconds: float) -> str:
    """One line of figures."""
    running = []
    with tempfile.TemporaryDirectory() as directory, network(routers) as names:
        own = ["--no-socket"] if Path(daemon).name == "pyvrrpd" else ["-P"]
        try:
            for host, name in enumerate(names, 1):
                base = Path(directory) / str(host)
                base.with_suffix(".conf").write_text(configuration(routers, interval_s, host))
                command = [daemon, "-n", "-l", "-f", f"{base}.conf", "-p", f"{base}.pid", "-r", f"{base}.vrrp", *own]
                with base.with_suffix(".log").open("wb") as log:
                    inside = ["ip", "netns", "exec", name, *command]
                    running.append(subprocess.Popen(inside, stdout=log, stderr=subprocess.STDOUT))
            until_s = time.monotonic() + START_S
            while ip("-n", names[0], "-o", "-4", "addr", "show", "dev", "eth0").count(" 10.10.") < routers:
                if time.monotonic() > until_s:
                    raise SystemExit(f"{daemon}: not MASTER of all {routers} after {START_S:g} s")
                time.sleep(0.5)
            time.sleep(10)                      # the second set of announcements is over
            pids = [int((Path(directory) / f"{host}.vrrp").read_text()) for host in (1, 2)]
            before, since_s = [ticks(pid) for pid in pids], time.monotonic()
            time.sleep(seconds)
            used = [ticks(pid) - old for pid, old in zip(pids, before, strict=True)]
            took_s = time.monotonic() - since_s
            rss_mb, pss_mb = memory_mb(running[1].pid)
        finally:
            for one in running:
                one.terminate()
            for one in running:
                one.wait()
    adverts = routers * took_s / interval_s
    master_us, backup_us = (1e6 * n / os.sysconf("SC_CLK_TCK") / adverts for n in used)
    return (
        f"{Path(daemon).name}: {routers} routers at {interval_s:g} s: MASTER {master_us:.1f} us an advert, "
        f"BACKUP {backup_us:.1f}; memory of BACKUP: RSS {rss_mb:.1f} MB, PSS {pss_mb:.1f} MB"
    )


if __name__ == "__main__":
    for each in sys.argv[4:]:
        print(measure(each, int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])), flush=True)
