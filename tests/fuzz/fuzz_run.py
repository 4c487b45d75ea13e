"""Run one fuzzer for as long as you like, or write the corpus anew.

    python tests/fuzz/fuzz_run.py TARGET SECONDS [SEED]      our own loop
    python tests/fuzz/fuzz_run.py TARGET SECONDS --atheris   libFuzzer, where atheris is installed (extra `fuzz`)
    python tests/fuzz/fuzz_run.py --corpus                   from tests/vectors and tests/config/seeds

TARGET: packet, engine or config. What does not hold is printed as hexadecimal; put the message into tests/vectors.
Atheris follows the Python part of a target: the readers are ours, so it sees the checks that an input has passed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fuzz_loop

HERE = Path(__file__).parent
TARGETS = ("packet", "engine", "config")


def target(name: str) -> Callable[[bytes], object]:
    """Return the function that runs one input of a target."""
    if name not in TARGETS:
        raise SystemExit(f"{name}: no such target; there are {', '.join(TARGETS)}")
    return __import__(f"fuzz_{name}").fuzz


def vectors() -> Iterator[tuple[str, dict]]:
    """Every advert of tests/vectors with a name."""
    for path in sorted((HERE.parent / "vectors").glob("*.json")):
        for number, advert in enumerate(json.loads(path.read_text())["adverts"]):
            yield f"{path.stem}-{number:02}", advert


def packet_corpus() -> Iterator[tuple[str, bytes]]:
    """Each vector as a message whose checksum is put right after changes, and for IPv4 as a datagram; v3 as foreign."""
    import fuzz_packet as form

    for name, advert in vectors():
        flags = (form.IPV6 if advert["family"] == 6 else 0) | (form.PASSWORD if advert["auth_pass"] else 0)
        flags |= form.MESSAGE if advert["checksum"] == "message" else 0
        message = bytes.fromhex(advert["message"])
        yield f"{name}-message", bytes([flags | form.SEAL, 255, 0]) + message
        if advert["version"] == 3 and advert["family"] == 4:
            yield f"{name}-foreign", bytes([flags ^ form.MESSAGE, 255, 0]) + message
            yield f"{name}-strict", bytes([flags ^ form.MESSAGE | form.STRICT, 255, 0]) + message
        if "datagram" in advert and advert["family"] == 4:
            yield f"{name}-datagram", bytes([flags | form.UNWRAP, 255, 0]) + bytes.fromhex(advert["datagram"])


def engine_corpus() -> Iterator[tuple[str, bytes]]:
    """For each router an advert that it obeys, one that takes it down, and the vectors for the first router."""
    import fuzz_engine as form

    from vrrpcore.packet import encode

    def step(router: int, flags: int, message: bytes) -> bytes:
        long = form.LONG if len(message) > 255 else 0
        length = (len(message) - 8) // 4 if long else len(message)
        return bytes([0, router, 255, flags | long, length]) + message

    for router, wanted in enumerate(form.ROUTERS):
        family = 4 if wanted.domain == 0 else 6
        said = {
            "version": wanted.version, "family": family, "vrid": wanted.vrid, "auth_pass": wanted.auth_pass,
            "interval_cs": wanted.advertisement_interval_cs, "addresses": wanted.addresses,
            "src": wanted.source, "dst": wanted.destinations[0],
        }
        steps = [
            step(router, form.FIT | form.SEAL, encode(**said, priority=priority)) for priority in (50, 200, 0)
        ]
        yield f"router-{router:02}", bytes([6, 0, 0, 0, 10]).join(steps)
    for name, advert in vectors():
        yield f"{name}", step(0, form.SEAL, bytes.fromhex(advert["message"]))


def config_corpus() -> Iterator[tuple[str, bytes]]:
    """The files that the tests of the configuration begin with."""
    for path in sorted((HERE.parent / "config" / "seeds").glob("*.conf")):
        yield path.stem, path.read_bytes()


def write_corpus() -> None:
    """Write every input that is made from elsewhere; what a fuzzer has found and was kept stays."""
    for name, made in (("packet", packet_corpus()), ("engine", engine_corpus()), ("config", config_corpus())):
        directory = HERE / "corpus" / name
        directory.mkdir(parents=True, exist_ok=True)
        for file, data in made:
            (directory / file).write_bytes(data)


def with_atheris(name: str, seconds: int) -> None:
    """Let libFuzzer choose the inputs. Ends the process."""
    import atheris

    with atheris.instrument_imports(include=[f"fuzz_{name}", "fuzz_reader", "pyvrrp.config"]):
        one = target(name)

    def run(data: bytes) -> None:
        try:
            one(data)
        except Exception:
            print(data.hex(), flush=True)
            raise

    with tempfile.TemporaryDirectory() as found:
        options = [f"-max_total_time={seconds}", f"-max_len={fuzz_loop.LENGTH_MAX}", f"-artifact_prefix={found}/"]
        atheris.Setup([sys.argv[0], *options, found, str(fuzz_loop.CORPUS / name)], run)
        atheris.Fuzz()


def main(arguments: list[str]) -> None:
    """See the top of this file."""
    match arguments:
        case ["--corpus"]:
            write_corpus()
        case [name, seconds, "--atheris"]:
            with_atheris(name, int(seconds))
        case [name, seconds, *seed]:
            ran = fuzz_loop.run(
                target(name), fuzz_loop.corpus(name), seed=int(seed[0]) if seed else 1, seconds=float(seconds)
            )
            print(f"{name}: {ran.inputs} inputs, {ran.outcomes} different outcomes, all of them as they should be")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
