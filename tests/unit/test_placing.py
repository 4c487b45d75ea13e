"""Where addresses go with virtual MACs. The expected places are those of keepalived 2.2.7 on the same lines."""

from __future__ import annotations

import ipaddress
from collections.abc import Container
from typing import Any

import pytest

from pyvrrp.model import Instance, UseVmac, Vip, VipOptions, Vmac
from pyvrrp.placing import place, virtual_mac


def vip(text: str, dev: str = "eth0", *, use_vmac: bool = False) -> Vip:
    interface = ipaddress.ip_interface(text)
    rare = VipOptions(use_vmac=True) if use_vmac else None
    return Vip(address=interface.ip.packed, prefix_len=interface.network.prefixlen, dev=dev, rare=rare)


def instance(*vips: Vip, **more: Any) -> Instance:
    return Instance(name="A", family=4, interface="eth0", vrid=50, vips=vips, **more)


def name_for(base: str, mac: bytes, family: int, prefix: str, vrid: int, taken: Container[str]) -> str:
    """Names that tell what they were asked for."""
    name = f"{prefix}.{base}.{mac[4]}"
    assert name not in taken
    return name


def devs(placed: Instance) -> list[str]:
    return [vip.dev for vip in (*placed.vips, *placed.excluded)]


def test_without_use_vmac_an_instance_stays_as_it_is() -> None:
    plain = instance(vip("192.0.2.50/24"), vip("198.51.100.50/24", "eth1"))
    placed = place(plain, name_for)
    assert placed.instance is plain
    assert (placed.vmacs, placed.vmac, placed.transmits_at) == ((), "", "")


def test_use_vmac() -> None:
    """Also an address with the interface written out; not one of another interface, nor of the other family."""
    placed = place(
        instance(
            vip("192.0.2.50/24"),
            vip("192.0.2.52/24", use_vmac=True),
            vip("198.51.100.50/24", "eth1"),
            use_vmac=UseVmac(),
            excluded=(vip("2001:db8:50::1/64"),),
        ),
        name_for,
    )
    assert devs(placed.instance) == ["vrrp.eth0.1", "vrrp.eth0.1", "eth1", "eth0"]
    assert placed.vmacs == (Vmac("vrrp.eth0.1", "eth0", bytes.fromhex("00005e000132"), 4),)
    assert placed.transmits_at == placed.vmac == "vrrp.eth0.1"
    assert placed.base_of("vrrp.eth0.1") == "eth0"
    assert placed.base_of("eth1") == "eth1"


def test_single_addresses() -> None:
    """One interface for those of one base and family, under names of their own; adverts leave as ever."""
    placed = place(
        instance(
            vip("192.0.2.91/24", use_vmac=True),
            vip("192.0.2.92/24"),
            vip("198.51.100.51/24", "eth1", use_vmac=True),
            vip("198.51.100.52/24", "eth1", use_vmac=True),
            vmac_addr_prefix="va",
            excluded=(vip("2001:db8:50::2/64", "eth1", use_vmac=True),),
        ),
        name_for,
    )
    assert devs(placed.instance) == ["va.eth0.1", "eth0", "va.eth1.1", "va.eth1.1", "va.eth1.2"]
    assert [vmac.mac for vmac in placed.vmacs] == [virtual_mac(4, 50), virtual_mac(4, 50), virtual_mac(6, 50)]
    assert (placed.vmac, placed.transmits_at) == ("", "")


def test_use_vmac_addr_is_for_other_interfaces() -> None:
    placed = place(instance(vip("192.0.2.71/24"), vip("198.51.100.71/24", "eth1"), use_vmac_addr=True), name_for)
    assert devs(placed.instance) == ["eth0", "vrrp.eth1.1"]


def test_a_name_and_a_mac_of_its_own() -> None:
    own = UseVmac("mine", b"\2\0\0\0\0\x55", 7)
    placed = place(instance(vip("192.0.2.50/24"), use_vmac=own, vmac_prefix="x"), name_for)
    assert placed.vmacs == (Vmac("mine", "eth0", own.mac, 4, 7),)
    assert devs(placed.instance) == ["mine"]


@pytest.mark.parametrize("more", [{"vmac_xmit_base": True}, {"peers": (b"\xc0\0\2\2",)}], ids=["option", "unicast"])
def test_adverts_that_leave_by_the_base(more: dict[str, Any]) -> None:
    placed = place(instance(vip("192.0.2.50/24"), use_vmac=UseVmac(), **more), name_for)
    assert placed.vmac == "vrrp.eth0.1"
    assert placed.transmits_at == ""
