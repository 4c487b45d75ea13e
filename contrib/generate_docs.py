"""Write the documents that are made from the code itself.

    generate_docs.py DIRECTORY

state-machine.md: the table and the diagram of vrrpcore.fsm.
"""

import sys
from pathlib import Path

from vrrpcore import fsm


def state_machine() -> str:
    """The state machine as a diagram (Mermaid) and a table, in the order of the states."""
    edges: dict[tuple[str, str], list[str]] = {}
    rows: list[str] = []
    for state, name in enumerate(fsm.STATE_NAMES):
        for event, word in enumerate(fsm.EVENT_NAMES):
            next_state, actions = fsm.step(state, event)
            if not actions:
                continue
            next_name = fsm.STATE_NAMES[next_state]
            rows.append(f"| {name} | {word} | {next_name} | {', '.join(actions)} |")
            if next_state != state:
                edges.setdefault((name, next_name), []).append(word)
    diagram = [f"    {old} --> {new}: {', '.join(words)}" for (old, new), words in edges.items()]
    return "\n".join(
        [
            "# The state machine",
            "",
            "Made by `make docs` from the table in `vrrpcore/fsm.pyx`; a test compares the two. An event that is",
            "not in the table changes nothing in that state.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            "    [*] --> INIT",
            *diagram,
            "```",
            "",
            "| state | event | next state | actions, in order |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main(directory: str) -> None:
    """Write every generated document into `directory`."""
    (Path(directory) / "state-machine.md").write_text(state_machine())


if __name__ == "__main__":
    main(sys.argv[1])
