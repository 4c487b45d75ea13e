"""The sentences in which pyvrrp/config says what is wrong, each with its code, found in the sources.

A sentence is told by a call that names its code as a plain string behind it: report.error(where, sentence, code),
BadValue(sentence, code) and so on. What a sentence is filled in with is written as `...`.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pyvrrp.config.codes import KIND_OF

FILL = "..."
_SOURCES = Path(__file__).parents[1] / "pyvrrp" / "config"
_TELL = frozenset(
    (
        *("error", "warning", "hint", "structure", "tell", "refuse", "_refuse", "_no_effect", "_ignored", "_missing"),
        *("Fault", "BadValue", "LineFault", "BadUse", "BadRepeat", "TooMuch", "TooManyRounds", "Unreadable"),
        *("RefusedInstance", "Diagnostic"),
    )
)


def sentences() -> Iterator[tuple[str, str, str]]:
    """Each call that tells of a mistake under a code of its own: code, sentence, and where it stands."""
    for path in sorted(_SOURCES.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and _name(call.func) in _TELL:
                        yield from _told(call, function, f"{path.name}:{call.lineno}")


def unfilled(sentence: str) -> str:
    """What of a sentence says what is wrong: the rest is advice, which may depend on the case."""
    return sentence.partition(";")[0]


def uncoded() -> list[str]:
    """Where a mistake is told of under a word that is no code."""
    found = []
    for path in sorted(_SOURCES.glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and _name(call.func) in {"error", "warning", "hint", "structure"}:
                code = call.args[2] if len(call.args) > 2 else None
                if code is None or (isinstance(code, ast.Constant) and code.value not in KIND_OF):
                    found.append(f"{path.name}:{call.lineno}")
    return found


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _told(call: ast.Call, function: ast.AST, where: str) -> Iterator[tuple[str, str, str]]:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    for before, value in pairwise(values):
        if isinstance(value, ast.Constant) and value.value in KIND_OF:
            text = before
            if isinstance(before, ast.Name):
                text = next(
                    (
                        node.value
                        for node in ast.walk(function)
                        if isinstance(node, ast.Assign) and _name(node.targets[0]) == before.id
                        and node.lineno < call.lineno
                    ),
                    before,
                )
            yield value.value, re.sub(r"(\.\.\. ?)+(?=\.\.\.)", "", _template(text)), where


def _template(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_template(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return _template(left) + _template(right)
    return FILL
