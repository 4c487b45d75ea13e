"""The kernel's control plane: links, addresses and the way to them. pyroute2 is imported here only.

`sender <- transport <- programs <- links <- vips`: each file knows those before it. Everything runs in the thread of
the event loop, but for one thread that does nothing but send().
"""

from pyvrrp.netlink.links import Link, LinkAddress, Links
from pyvrrp.netlink.sender import Sender
from pyvrrp.netlink.transport import Netlink
from pyvrrp.netlink.vips import VipApplier, VipStatus

__all__ = ["Link", "LinkAddress", "Links", "Netlink", "Sender", "VipApplier", "VipStatus"]
