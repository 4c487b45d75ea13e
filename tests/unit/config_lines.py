"""One line of virtual_ipaddress, virtual_routes or virtual_rules: its value, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pyvrrp.config.addresses import read_vip
from pyvrrp.config.lexer import Lexer
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report
from pyvrrp.config.routes import read_route
from pyvrrp.config.rules import RuleReader
from pyvrrp.model import Vip
from pyvrrp.routing import Route, Rule

T = TypeVar("T")


def statement(line: str) -> Statement:
    (piece,) = Lexer("k", Report()).pieces(line)
    return Statement(piece, None)


def address(line: str, *, interface: str = "eth0", is_static: bool = False) -> tuple[Vip | None, list[str]]:
    return _read(line, lambda statement, report: read_vip(statement, interface, report, is_static=is_static))


def route(line: str, *, is_static: bool = False) -> tuple[Route | None, list[str]]:
    return _read(line, lambda statement, report: read_route(statement, report, is_static=is_static))


def rule(line: str, *, is_static: bool = False) -> tuple[Rule | None, list[str]]:
    return _read(line, lambda statement, report: RuleReader(report).read(statement, is_static=is_static))


def _read(line: str, read: Callable[[Statement, Report], T]) -> tuple[T, list[str]]:
    report = Report()
    return read(statement(line), report), [f"{d.where.column}: {d.message}" for d in report.finish()]


def reads_as(read: Callable[[str], tuple[object, list[str]]], line: str, text: str) -> None:
    """Nothing is said of the line; its value as a text is `text`, which reads as the same value again."""
    found, said = read(line)
    assert not said
    assert str(found) == text
    assert read(text) == (found, [])
