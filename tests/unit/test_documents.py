"""Generated documents say what the code says."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "contrib" / "generate_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_state_machine_document_is_of_this_table():
    assert (ROOT / "docs" / "state-machine.md").read_text() == generator().state_machine(), "run make docs"
