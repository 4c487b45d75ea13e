"""Print the VRRP adverts of a capture, with what is wrong with those that are not right.

    python examples/decode_capture.py [--password SECRET] FILE.pcap

keepalived.pcap beside this file is keepalived 2.2.7 on a veth pair, taking over and stopping again: VRRPv2 with a
password (`--password secret`), VRRPv3 over IPv4, VRRPv3 over IPv6. Files are pcap as `tcpdump -w` writes them, of
Ethernet; pcapng is not read.
"""

import argparse
import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path

from vrrpcore.packet import PacketDropped, decode, unwrap_ipv4

MAGIC = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}        # what the second half of a time stamp counts
ETHERNET, IPV4, IPV6, VRRP = 1, 0x0800, 0x86DD, 112


def frames(data: bytes) -> Iterator[tuple[float, bytes]]:
    """Each frame of a pcap file with its time in seconds. Raises ValueError for a file of another kind."""
    order = "<" if len(data) >= 24 and struct.unpack_from("<I", data)[0] in MAGIC else ">"
    if len(data) < 24 or struct.unpack_from(order + "I", data)[0] not in MAGIC:
        raise ValueError("it is not a pcap file")
    if struct.unpack_from(order + "I", data, 20)[0] != ETHERNET:
        raise ValueError("it is not of Ethernet")
    fraction = MAGIC[struct.unpack_from(order + "I", data)[0]]
    at = 24
    while at + 16 <= len(data):
        seconds, part, length, _ = struct.unpack_from(order + "4I", data, at)
        yield seconds + part * fraction, data[at + 16 : at + 16 + length]
        at += 16 + length


def describe(frame: bytes, password: bytes | None) -> str | None:
    """One line about a frame that carries VRRP; None for another."""
    ethertype = int.from_bytes(frame[12:14], "big")
    packet = frame[14:]
    try:
        if ethertype == IPV4 and packet[9:10] == bytes([VRRP]):
            outer = unwrap_ipv4(packet)
            source, to, ttl, message = outer.src, outer.dst, outer.ttl, outer.message
            family = 4
        elif ethertype == IPV6 and packet[6:7] == bytes([VRRP]):
            source, to, ttl, family = packet[8:24], packet[24:40], packet[7], 6
            message = packet[40 : 40 + int.from_bytes(packet[4:6], "big")]
        else:
            return None
    except PacketDropped as dropped:
        return f"dropped: {dropped}"
    way = f"{ipaddress.ip_address(source)} > {ipaddress.ip_address(to)}"
    try:
        # The password is asked for only where one was sent.
        sent = password if message[:1] == b"\x21" and message[4:5] == b"\x01" else None
        advert = decode(message, family=4 if family == 4 else 6, src=source, dst=to, ttl=ttl, auth_pass=sent)
    except PacketDropped as dropped:
        return f"{way} dropped: {dropped}"
    listed = " ".join(str(ipaddress.ip_address(address)) for address in advert.addresses)
    return (f"{way} v{advert.version} vrid {advert.vrid} priority {advert.priority} "
            f"every {advert.max_adver_int_cs / 100:g} s: {listed}")


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description="Print the VRRP adverts of a capture.")
    parser.add_argument("--password", type=str.encode)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    started_s = None
    try:
        for at_s, frame in frames(given.file.read_bytes()):
            line = describe(frame, given.password)
            started_s = at_s if started_s is None else started_s
            if line:
                print(f"{at_s - started_s:9.6f} {line}")
    except (OSError, ValueError) as error:
        raise SystemExit(f"{given.file}: {error}") from None


if __name__ == "__main__":
    main()
