"""pyvrrp/scripts/result.py: when a run counts as ok, and how results and commands are put into words."""

import pytest

from pyvrrp.scripts.result import ScriptResult, shown


@pytest.mark.keepalived("T2")
@pytest.mark.parametrize(
    ("result", "ok", "words"),
    [
        (ScriptResult(0, None, False, None, 0.1), True, "exited with status 0"),
        (ScriptResult(1, None, False, None, 0.1), False, "exited with status 1"),
        (ScriptResult(None, 15, False, None, 0.1), False, "due to signal 15 (SIGTERM)"),
        (ScriptResult(None, 40, False, None, 0.1), False, "due to signal 40 (a real-time signal)"),
        (ScriptResult(None, None, True, None, 0.1), False, "timed_out"),
        (ScriptResult(0, None, True, None, 0.1), False, "timed_out"),
        (ScriptResult(None, None, False, "/x: check the path", 0.0), False, "/x: check the path"),
    ],
)
def test_results(result: ScriptResult, ok: bool, words: str) -> None:
    assert result.ok is ok
    assert str(result) == words


def test_a_command_is_shown_in_one_line_whatever_is_in_it() -> None:
    assert shown(("/bin/x", "a\nb", "\udcff")) == "/bin/x a\\nb \\udcff"
    assert shown(("x" * 1000,)) == "x" * 300 + "..."
