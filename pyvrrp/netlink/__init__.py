"""The kernel's control plane: links, addresses, routes and the way to them. pyroute2 is imported here only.

`sender <- transport <- programs <- links`, `transport <- routes <- tables`, all these `<- objects <- applier`;
`links, sysctls <- vmacs`; and `transport, nft <- nfsocket <- filters`: each file knows those before it. `lean` comes
before all: it keeps pyroute2 from importing what is not used. Everything runs in
the thread of the event loop, but for one thread that does nothing but send().
"""

from pyvrrp.netlink import lean  # noqa: F401 (before anything of pyroute2)
from pyvrrp.netlink.applier import Applier, ApplierStatus
from pyvrrp.netlink.filters import Filters
from pyvrrp.netlink.links import Link, LinkAddress, Links
from pyvrrp.netlink.objects import Thing
from pyvrrp.netlink.sender import Sender
from pyvrrp.netlink.transport import Netlink
from pyvrrp.netlink.vmacs import Vmacs

__all__ = ["Applier", "ApplierStatus", "Filters", "Link", "LinkAddress", "Links", "Netlink", "Sender", "Thing", "Vmacs"]
