"""What is encoded is decoded to the same; whatever else arrives is decoded or dropped, and nothing else happens."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vrrpcore import packet
from vrrpcore.packet import PacketDropped


def addresses(family: int) -> st.SearchStrategy[bytes]:
    length = 4 if family == 4 else 16
    return st.binary(min_size=length, max_size=length)


@st.composite
def forms(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of encode(), of any version and family."""
    version, family = draw(st.sampled_from([2, 3])), draw(st.sampled_from([4, 6]))
    form: dict[str, Any] = {
        "version": version,
        "family": family,
        "vrid": draw(st.integers(1, 255)),
        "priority": draw(st.integers(0, 255)),
        "interval_cs": draw(st.integers(1, 255)) * 100 if version == 2 else draw(st.integers(1, 4095)),
        "addresses": draw(st.lists(addresses(family), min_size=version - 2, max_size=20)),
        "src": draw(addresses(family)),
        "dst": draw(addresses(family)),
        "checksum": draw(st.sampled_from(["pseudo", "message"])),
    }
    if version == 2 and family == 4:
        form["auth_pass"] = draw(st.none() | st.binary(max_size=8))
    return form


def context(form: dict[str, Any]) -> dict[str, Any]:
    return {k: form[k] for k in ("family", "src", "dst", "checksum", "auth_pass") if k in form}


@settings(deadline=None)
@given(form=forms(), strict=st.booleans())
def test_round_trip(form: dict[str, Any], strict: bool) -> None:
    data = packet.encode(**form)
    advert = packet.decode(data, **context(form), version=form["version"], strict=strict)
    assert advert == (
        form["version"], form["vrid"], form["priority"], form["interval_cs"],
        0 if form.get("auth_pass") is None else 1, tuple(form["addresses"]), False,
    )
    assert packet.peek(data) == form["vrid"]


@settings(deadline=None)
@given(form=forms(), data=st.data())
def test_a_changed_byte_never_passes(form: dict[str, Any], data: st.DataObject) -> None:
    message = bytearray(packet.encode(**form))
    at = data.draw(st.integers(0, len(message) - 1))
    change = data.draw(st.integers(1, 255))
    message[at] ^= change
    # A 16-bit sum takes 0x0000 for 0xFFFF, but one byte cannot make one of the other.
    try:
        advert = packet.decode(bytes(message), **context(form), version=form["version"], strict=True)
    except PacketDropped:
        return
    raise AssertionError(f"byte {at} changed by {change:#x} passed as {advert}")


@settings(max_examples=500, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.builds(lambda first, rest: bytes([first]) + rest, st.sampled_from([0x21, 0x31]), st.binary(max_size=60)),
    ),
    family=st.sampled_from([4, 6]),
    keywords=st.fixed_dictionaries({}, optional={
        "version": st.sampled_from([2, 3]), "ttl": st.integers(0, 255), "auth_pass": st.binary(max_size=8),
        "adver_int_s": st.integers(1, 255), "strict": st.booleans(), "ttl_min": st.integers(0, 255),
    }),
)
def test_any_bytes_are_decoded_or_dropped(data: bytes, family: int, keywords: dict[str, Any]) -> None:
    try:
        advert = packet.decode(data, family=family, src=bytes(16 if family == 6 else 4),
                               dst=bytes(16 if family == 6 else 4), **keywords)
    except PacketDropped:
        return
    assert len(advert.addresses) == data[3]


@settings(max_examples=500, deadline=None)
@given(
    header=st.binary(min_size=20, max_size=20),
    first=st.sampled_from([0x45, 0x46, 0x4F, 0x44]) | st.integers(0, 255),
    total=st.integers(0, 120),
    rest=st.binary(max_size=90),
)
def test_any_datagram_is_unwrapped_or_dropped(header: bytes, first: int, total: int, rest: bytes) -> None:
    datagram = bytes([first]) + header[1:2] + total.to_bytes(2, "big") + header[4:] + rest
    try:
        unwrapped = packet.unwrap_ipv4(datagram)
    except PacketDropped:
        return
    assert unwrapped.message == datagram[(first & 15) * 4 : total]
    assert (unwrapped.ttl, unwrapped.src, unwrapped.dst) == (header[8], header[12:16], header[16:20])
