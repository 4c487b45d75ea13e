"""The process that edits a configuration for the daemon: `python -m pyvrrp.config.editor`.

Standard input holds the request, standard output takes the answer (see process.py). It writes no file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import msgspec

from pyvrrp import linux
from pyvrrp.config.errands import be_nice, begin
from pyvrrp.config.frames import LENGTH, Frame, Transaction, Verdict, frames
from pyvrrp.config.outline import Key
from pyvrrp.config.transaction import Outcome, Reading, transact


def main() -> int:
    """Read a request from standard input, write the answer to standard output."""
    request = begin(Transaction, linux.CAP_DAC_READ_SEARCH)
    be_nice()
    reading = Reading(
        path=os.fsdecode(request.path),
        config_id=request.config_id,
        interfaces=None if request.interfaces is None else frozenset(request.interfaces),
        all_config=request.all_config,
        overlay={os.fsdecode(path): data for path, data in request.overlay.items()},
    )
    outcome = transact(reading, request.digest, request.put, [Key(*key) for key in request.remove])
    encoder = msgspec.msgpack.Encoder()
    with open(1, "wb", closefd=False) as stdout:
        for part in _parts(outcome):
            data = encoder.encode(part)
            stdout.write(LENGTH.pack(len(data)))
            stdout.write(data)
    return 0


def _parts(outcome: Outcome) -> Iterator[Verdict | Frame]:
    yield Verdict(
        is_refused=outcome.loaded is None,
        refusal=outcome.refusal,
        diagnostics=list(outcome.diagnostics),
        digest=outcome.digest,
        files=[(os.fsencode(path), held, shall) for path, (held, shall) in outcome.files.items()],
    )
    if outcome.loaded is not None:
        yield from frames(outcome.loaded)


if __name__ == "__main__":
    sys.exit(main())
