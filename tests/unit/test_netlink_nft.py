"""The bytes for nf_tables, read back with a reader of attributes that knows nothing of how they were made."""

from __future__ import annotations

import ipaddress
import struct

from pyvrrp.model import FilterTable, Instance, Vip
from pyvrrp.netlink import nft


def vip(address: str, dev: str = "eth0") -> Vip:
    return Vip(address=ipaddress.ip_address(address).packed, prefix_len=24, dev=dev)


def attributes(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        length, kind = struct.unpack_from("=HH", data)
        found.append((kind & 0x3FFF, data[4:length]))
        data = data[(length + 3) // 4 * 4 :]
    return found


def test_a_link_local_address_is_of_its_interface_and_no_other_is() -> None:
    addresses = [vip("192.0.2.1"), vip("192.0.2.1", "eth1"), vip("fe80::1"), vip("febf::1"), vip("fec0::1")]
    assert nft.elements_of(addresses) == {
        ("vips4", bytes((192, 0, 2, 1))),
        ("vips6_link_local", ipaddress.ip_address("fe80::1").packed + b"eth0" + bytes(12)),
        ("vips6_link_local", ipaddress.ip_address("febf::1").packed + b"eth0" + bytes(12)),
        ("vips6", ipaddress.ip_address("fec0::1").packed),
    }


def test_elements_are_those_of_their_set_and_no_attribute_is_too_long() -> None:
    vips = [vip(str(ipaddress.ip_address("10.0.0.0") + i)) for i in range(5000)] + [vip("2001:db8::1")]
    found: dict[bytes, list[bytes]] = {}
    for message in nft.element_messages("t", nft.elements_of(vips), present=True):
        assert struct.unpack_from("=I", message)[0] == len(message) <= 65535
        parts = dict(attributes(message[20:]))
        for _, element in attributes(parts[3]):
            ((_, key),) = attributes(element)
            ((_, value),) = attributes(key)
            found.setdefault(parts[2], []).append(value)
    assert sorted(found[b"vips4\0"]) == sorted(each.address for each in vips[:-1])
    assert found[b"vips6\0"] == [vips[-1].address]


def test_only_the_last_message_of_a_batch_is_answered() -> None:
    made = nft.table_batch(FilterTable(), "t", "pyvrrp 7", flags=0, replace=False)
    data, last = nft.batch(made, 100)
    heads = []
    while data:
        heads.append(nft.HEADER.unpack_from(data))
        data = data[(heads[-1][0] + 3) // 4 * 4 :]
    assert [head[3] for head in heads] == list(range(100, 100 + len(made) + 2))
    assert [head[3] for head in heads if head[2] & 4] == [last] == [heads[-2][3]]
    assert (heads[0][1], heads[-1][1]) == (0x10, 0x11)


def test_a_table_reads_back_with_its_mark() -> None:
    message = nft.table_batch(FilterTable(), "mine", "pyvrrp 7", flags=nft.OWNER, replace=False)[0]
    assert nft.table_of(message) == nft.Table("mine", nft.OWNER, "pyvrrp 7")
    assert nft.table_of(nft.table_deletion("mine")) is None


def test_who_is_filtered() -> None:
    def filtered(**fields: int) -> bool:
        return Instance(name="a", family=4, interface="eth0", vrid=1, **fields).is_filtered

    assert filtered(accept=False, priority=254)
    assert not filtered(accept=False, priority=255)
    assert not filtered(accept=True, priority=254)
