"""`pyvrrp who-owns`: which host has an address, as far as this one knows."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Iterable

from pyvrrp.cli.orders import add_json, print_json
from pyvrrp.cli.status import duration
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceStatus

EPILOG = """\
exit status:
  0  somebody is known to have it
  1  no instance has this address, or nobody is known to have it now
  2  the command line is wrong
  3  the daemon could not be asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `who-owns` takes."""
    parser.epilog = EPILOG
    parser.add_argument("address", metavar="ADDRESS", type=_address, help="a virtual address")
    add_json(parser)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no address; write one as pyvrrp status shows it") from None


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print. Raises ControlError."""
    reply = ControlClient(arguments.socket).instances()
    found = owners(reply.instances, arguments.address)
    if arguments.json:
        print_json([
            {"instance": status.name, "state": status.state, "owner": owner(status), "this_host": is_here(status)}
            for status in found
        ])
    elif found:
        print("\n".join(sentence(arguments.address, status) for status in found))
    else:
        print(f"pyvrrp: {arguments.address}: no instance here has this address; pyvrrp status lists them",
              file=sys.stderr)
    return 0 if any(owner(status) for status in found) else 1


def owners(
    instances: Iterable[InstanceStatus], address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> list[InstanceStatus]:
    """The instances that have the address; in several namespaces it may be several."""
    return [
        status for status in instances
        if any(ipaddress.ip_interface(vip).ip == address for vip in (*status.vips, *status.excluded))
    ]


def is_here(status: InstanceStatus) -> bool:
    """This host has it."""
    return status.state == "MASTER"


def owner(status: InstanceStatus) -> str | None:
    """The address of the host that has it; None: nobody is known to."""
    return status.master_address if is_here(status) or status.state == "BACKUP" else None


def sentence(address: object, status: InstanceStatus) -> str:
    """Who has it, and how that is known."""
    where = f" in network namespace {status.net_namespace}" if status.net_namespace else ""
    of = f"instance {status.name}{where}"
    if is_here(status):
        told = f"{address}: this host, {status.master_address}, since {duration(status.since_s)} ({of})"
        if status.other_master is not None:
            other = status.other_master
            told += f"; {other.address} says so too, since {duration(other.since_s)}, with priority {other.priority}"
        return told
    if owner(status) is None:
        return f"{address}: nobody is known to have it; this host is in {status.state} ({of})"
    heard = status.peer_last_heard
    ago = f", heard {duration(heard.ago_s)} ago" if heard is not None else ""
    return f"{address}: {status.master_address}{ago} ({of})"
