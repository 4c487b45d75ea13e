"""The process that writes files of a configuration for the daemon: `python -m pyvrrp.config.writer`.

Standard input holds the request, standard output takes the answer (see process.py). Every new file is whole on disk
before the first one is put in place, so that a full disk or a directory that is read-only changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from pyvrrp import linux
from pyvrrp.config.errands import be_nice, begin
from pyvrrp.config.frames import Writing
from pyvrrp.config.lexer import clean
from pyvrrp.config.replace import Replacement
from pyvrrp.errors import ConfigError


def main() -> int:
    """Read a request from standard input, write the answer to standard output."""
    # The new file has the owner and the mode of the old one, wherever that is.
    request = begin(Writing, linux.CAP_DAC_OVERRIDE, linux.CAP_CHOWN, linux.CAP_FOWNER)
    be_nice()
    answer = write((os.fsdecode(path), held, shall) for path, held, shall in request.files)
    with open(1, "wb", closefd=False) as stdout:
        stdout.write(msgspec.msgpack.encode(([os.fsencode(path) for path in answer[0]], answer[1])))
    return 0


def write(files: Iterable[tuple[str, bytes, bytes]]) -> tuple[list[str], str]:
    """Write files: path, what it holds, and what it shall. Returns those written, and why not all were."""
    written: list[str] = []
    path = ""
    with ExitStack() as stack:
        try:
            waiting = []
            for path, held, shall in files:
                with Path(path).open("rb") as stream:
                    seen = os.fstat(stream.fileno())
                    if stream.read() != held:
                        return [], f"{clean(path)}: it was changed on disk, so it is left as it is; reload first"
                replacement = Replacement(Path(path), shall, seen)
                stack.callback(replacement.give_up)
                waiting.append((path, replacement))
            for path, replacement in waiting:
                replacement.put()
                written.append(path)
        except ConfigError as error:
            return written, str(error)
        except OSError as error:
            advice = "let the daemon write there, or apply without writing"
            return written, f"{clean(path)}: it cannot be written: {error.strerror}; {advice}"
    return written, ""


if __name__ == "__main__":
    sys.exit(main())
