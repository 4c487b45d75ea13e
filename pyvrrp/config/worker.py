"""The process that reads a configuration for the daemon: `python -m pyvrrp.config.worker`.

Standard input holds the request, standard output takes the answer; both are files in memory (see process.py). Nothing
imports this module, so that it can be run as one.
"""

from __future__ import annotations

import os
import sys

import msgspec

from pyvrrp import linux
from pyvrrp.config.errands import be_nice, begin
from pyvrrp.config.frames import LENGTH, Request, frames
from pyvrrp.config.load import load


def main() -> int:
    """Read a request from standard input, write the answer to standard output."""
    request = begin(Request, linux.CAP_DAC_READ_SEARCH)
    if not request.is_start:
        be_nice()                   # it is in no hurry while the daemon runs; at a start that waits for it
    interfaces = None if request.interfaces is None else frozenset(request.interfaces)
    encoder = msgspec.msgpack.Encoder()
    with open(1, "wb", closefd=False) as stdout:
        for path in request.paths:
            loaded = load(
                os.fsdecode(path),
                config_id=request.config_id,
                interfaces=interfaces,
                all_config=request.all_config,
            )
            for frame in frames(loaded):
                data = encoder.encode(frame)
                stdout.write(LENGTH.pack(len(data)))
                stdout.write(data)
            stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
