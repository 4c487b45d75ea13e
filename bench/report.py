"""Write what a run of the benchmarks found into the repository.

    python bench/report.py              print the table of the latest run
    python bench/report.py --accept     make it the reference, and write the table of docs/performance.md anew

Accepting is a person's decision, made on an idle machine; what the run did not measure stays as it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from figures import HERE, LATEST, REFERENCE, load, save, table

DOCUMENT = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by bench/report.py -->", "<!-- end of figures -->"


def markdown(path: Path) -> str:
    """The table and the machine of a file of figures."""
    lines = []
    for row in table(load(path).values()):
        lines.append(f"| {' | '.join(row)} |")
        if len(lines) == 1:
            lines.append(f"|{'---|' * len(row)}")
    on = json.loads(path.read_text())["machine"]
    lines += ["", f"Measured on: {on['cpu']}, Linux {on['kernel']}, Python {on['python']}; load average at the end of "
                  f"the run (1, 5, 15 minutes): {on['load']}."]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if not LATEST.exists():
        print(f"{LATEST}: there is none; run make bench first", file=sys.stderr)
        return 1
    if arguments == ["--accept"]:
        save(REFERENCE, load(LATEST).values())
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{markdown(REFERENCE)}\n{END}{after}")
    elif arguments:
        print(__doc__, file=sys.stderr)
        return 2
    print(markdown(LATEST))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
