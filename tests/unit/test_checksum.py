"""The Internet checksum against the example of RFC 1071 and a plain reading of its section 1."""

import random

import pytest

from vrrpcore.checksum import internet_checksum


def by_the_book(data: bytes) -> int:
    """RFC 1071 s1, one 16-bit word at a time."""
    total = 0
    for i in range(0, len(data), 2):
        total += int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def test_example_of_rfc_1071_section_3() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF


def test_empty() -> None:
    assert internet_checksum(b"") == 0xFFFF


def test_last_odd_byte_is_followed_by_a_zero() -> None:
    assert internet_checksum(b"\x12\x34\x56") == internet_checksum(b"\x12\x34\x56\x00")


@pytest.mark.parametrize("length", [*range(40), 255, 1480, 4128])
def test_every_length_and_alignment(length: int) -> None:
    source = random.Random(length).randbytes(length + 8)
    for shift in range(8):
        data = source[shift : shift + length]
        assert internet_checksum(memoryview(source)[shift : shift + length]) == by_the_book(data)


@pytest.mark.parametrize("length", [2, 8, 64, 4128, 65536])
def test_carries_are_not_lost(length: int) -> None:
    assert internet_checksum(b"\xff" * length) == 0


def test_a_message_with_its_checksum_sums_to_zero() -> None:
    data = bytearray(random.Random(1).randbytes(100))
    data[6:8] = b"\0\0"
    data[6:8] = internet_checksum(data).to_bytes(2, "big")
    assert internet_checksum(data) == 0


@pytest.mark.parametrize("wrong", ["text", None, 5])
def test_only_bytes(wrong: object) -> None:
    with pytest.raises(TypeError):
        internet_checksum(wrong)  # type: ignore[arg-type]
