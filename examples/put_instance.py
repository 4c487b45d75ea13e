"""Have a running pyvrrpd run one more instance, or another one of that name, without a reload of its files.

    python examples/put_instance.py web --interface eth0 --vrid 51 --address 192.0.2.100/24 [--write]

Needs root, as the daemon lets nobody else change anything. The text is that of a keepalived.conf: whatever may stand in
a block there may stand here. All of it runs afterwards, or nothing has changed and every mistake is told.
"""

import argparse
import sys

from pyvrrp.control import DEFAULT_SOCKET
from pyvrrp.control.client import ControlClient
from pyvrrp.control.transaction import TransactionRequest
from pyvrrp.errors import ControlError, RefusedError

BLOCK = """\
vrrp_instance {name} {{
    interface {interface}
    virtual_router_id {vrid}
    virtual_ipaddress {{
        {address}
    }}
}}
"""


def main() -> int:
    """Put the block, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--interface", required=True)
    parser.add_argument("--vrid", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--write", action="store_true", help="to the file too; otherwise the next reload drops it")
    parser.add_argument("--socket", default=DEFAULT_SOCKET)
    arguments = parser.parse_args()
    block = BLOCK.format(
        name=arguments.name, interface=arguments.interface, vrid=arguments.vrid, address=arguments.address
    )
    client = ControlClient(arguments.socket, timeout_s=60)
    try:
        reply = client.transact(TransactionRequest(put=[block], write=arguments.write))
    except (ControlError, RefusedError) as error:       # it could not be asked, or this is not root
        print(error, file=sys.stderr)
        return 2
    if not reply.accepted:
        for finding in reply.findings:
            print(f"line {finding.line}: {finding.severity}: {finding.message}", file=sys.stderr)
        print(reply.error, file=sys.stderr)
        return 1
    for change in reply.changed:
        print(f"{change.name}: {', '.join(change.settings)}")
    print(f"{len(reply.added)} added, {len(reply.changed)} changed, {reply.untouched} untouched")
    return 0


if __name__ == "__main__":
    sys.exit(main())
