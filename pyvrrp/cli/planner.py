"""The process in which a daemon has a plan made for /v1/plan: `python -m pyvrrp.cli.planner`.

It does what `pyvrrp plan --json` does, and asks the daemon what runs as that does. The request is on standard input.
"""

from __future__ import annotations

import json
import sys

from pyvrrp import linux, privileges
from pyvrrp.cli.main import main


def run() -> int:
    """Read the request, print the plan, return the exit status of the verb."""
    privileges.confine(linux.CAP_DAC_READ_SEARCH)
    request = json.load(sys.stdin)
    return main(["--socket", request["socket"], "plan", "--json"])


if __name__ == "__main__":
    sys.exit(run())
