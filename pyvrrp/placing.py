"""Where the addresses of an instance go: on its interfaces, or on interfaces with virtual MACs above them. Pure.

What decides (keepalived's rules, found by running it):
- use_vmac: all addresses on the instance's own interface that are of its family go on the instance's virtual MAC;
- use_vmac of one address, or use_vmac_addr for those on other interfaces: on one of the instance for that interface
  and that family;
- all others stay where the configuration puts them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container
from typing import NamedTuple

from pyvrrp.model import Instance, UseVmac, Vip, Vmac

# (base, mac, family, prefix, vrid, taken) -> a name that is free in its namespace, and not in `taken`
NameFor = Callable[[str, bytes, int, str, int, Container[str]], str]


class Placed(NamedTuple):
    """An instance as it runs."""

    instance: Instance                  # its addresses have the interface that they are on
    vmacs: tuple[Vmac, ...] = ()
    vmac: str = ""                      # of those the one with the instance's own addresses; empty: none

    @property
    def transmits_at(self) -> str:
        """The interface by which adverts leave, if not the instance's own."""
        by_base = self.instance.vmac_xmit_base or self.instance.is_unicast
        return "" if by_base else self.vmac

    def base_of(self, dev: str) -> str:
        """The interface that is under another one, or that one itself."""
        return next((vmac.base for vmac in self.vmacs if vmac.name == dev), dev)


def virtual_mac(family: int, vrid: int) -> bytes:
    """Return the virtual MAC of a Virtual Router (RFC 9568 s7.3)."""
    return bytes((0, 0, 0x5E, 0, 1 if family == 4 else 2, vrid))


def place(instance: Instance, name_for: NameFor) -> Placed:
    """Say which interfaces with virtual MACs an instance has, and put its addresses there."""
    options = instance.use_vmac if instance.interface else None
    addr_prefix = instance.vmac_addr_prefix or instance.vmac_prefix
    if options is None and not instance.use_vmac_addr and not any(
        vip.options.use_vmac for vip in (*instance.vips, *instance.excluded)
    ):
        return Placed(instance)
    vmacs: dict[tuple[str, int], Vmac] = {}

    def add(base: str, family: int, prefix: str, wanted: UseVmac) -> Vmac:
        mac = wanted.mac or virtual_mac(family, instance.vrid)
        taken = {vmac.name for vmac in vmacs.values()}
        name = wanted.name or name_for(base, mac, family, prefix, instance.vrid, taken)
        vmacs[base, family] = vmac = Vmac(name, base, mac, family, wanted.group)
        return vmac

    def put(vip: Vip) -> Vip:
        if vip.dev == instance.interface:
            is_wanted = options is not None and vip.family == instance.family
        else:
            is_wanted = instance.use_vmac_addr
        if not is_wanted and not vip.options.use_vmac:
            return vip
        vmac = vmacs.get((vip.dev, vip.family)) or add(vip.dev, vip.family, addr_prefix, UseVmac())
        return dataclasses.replace(vip, dev=vmac.name)

    own = "" if options is None else add(instance.interface, instance.family, instance.vmac_prefix, options).name
    vips = tuple(put(vip) for vip in instance.vips)
    excluded = tuple(put(vip) for vip in instance.excluded)
    return Placed(dataclasses.replace(instance, vips=vips, excluded=excluded), tuple(vmacs.values()), own)
