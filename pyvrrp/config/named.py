"""Blocks with a name of their own: vrrp_script, vrrp_sync_group, track_group and the like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown


def named(blocks: Sequence[Statement], report: Report) -> Iterator[tuple[str, Statement]]:
    """Each block of one keyword with its name. The first of a name counts, the others are reported and left out.

    A block without a name is left out, too; the parser has reported it.
    """
    seen: set[str] = set()
    for block in blocks:
        if len(block.words) < 2:
            continue
        name = block.words[1]
        if name in seen:
            report.error(
                block.where(1),
                f"{block.words[0]} {shown(name)} is defined twice and the first counts; rename this one",
                "name-twice",
            )
            continue
        seen.add(name)
        yield name, block
