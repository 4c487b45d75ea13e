"""What `pyvrrp simulate` prints: a timeline, who has each address at the end, and whether every check holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyvrrp.cli.status import aligned
from pyvrrp.config.excerpt import counted
from pyvrrp.config.lexer import clean
from pyvrrp.simulate.checks import IN_TIME, SENTENCES, Failure, Takeover
from pyvrrp.simulate.network import START_NS
from pyvrrp.simulate.play import Change, Happening, Note, Owner, Play
from pyvrrp.simulate.trackers import NS_PER_S

_ALIKE_SHOWN = 4                        # lines that say the same of one host between two steps; more are counted
_OWNERS_SHOWN = 20                      # addresses; of more it is counted who has how many
_DETAILS_SHOWN = 5                      # failures and takeovers of a check

Row = tuple[str, str, str, str, str]


def text(play: Play, notes: Iterable[str], *, is_whole: bool) -> list[str]:
    """All of it for people. is_whole: nothing is left out, however much it is."""
    instances = sum(len(machine.members) for machine in play.hosts)
    lines = [f"{counted(len(play.hosts), 'host')}, {counted(instances, 'instance')}, {_s(play.elapsed_ns)} of virtual "
             f"time; wires: {'; '.join(_wires(play))}"]
    lines += [f"note: {note}" for note in notes]
    lines += ["", *aligned([("TIME", "HOST", "INSTANCE", "CHANGE", "WHY"), *_rows(play, is_whole)])]
    lines += ["", *aligned([("ADDRESS", "OWNER", "SINCE"), *_owner_rows(play.owners(), is_whole)]), ""]
    for check in SENTENCES:
        lines += _verdict(play, check, is_whole)
    if play.checks.unsettled:
        lines.append(f"not looked at {counted(play.checks.unsettled, 'time')}: the next step, or the end, came within "
                     f"{_s(play.checks.settle_ns)}, which all may take to settle")
    if play.checks.failures:
        lines.append(f"seed {play.seed}: the same command with --seed {play.seed} plays it again")
    return lines


def _wires(play: Play) -> Iterator[str]:
    ends: dict[str, list[str]] = {}
    for machine in play.hosts:
        for place, port in machine.places():
            ends.setdefault(port.wire, []).append(f"{machine.name}:{place.label}")
    for ends_of in ends.values():
        yield " ".join(ends_of[:8]) + (f" and {len(ends_of) - 8} more" if len(ends_of) > 8 else "")


# ---- the timeline

def _rows(play: Play, is_whole: bool) -> list[Row]:
    """One row for each line of the timeline, or for many that say the same."""
    rows: list[Row] = []
    alike: dict[tuple[object, ...], list[Change | Note]] = {}

    def flush() -> None:
        groups = []
        for group in alike.values():
            if is_whole or len(group) <= _ALIKE_SHOWN:
                groups += [[one] for one in group]
            else:
                groups.append(group)
        rows.extend(_row(group) for group in sorted(groups, key=lambda group: group[0].at_ns))
        alike.clear()

    for one in play.timeline:
        if isinstance(one, Happening):
            flush()
            rows.append((_at(one.at_ns), "---", clean(str(one.step)), "", ""))
        elif isinstance(one, Change):
            alike.setdefault((one.member.machine, one.old, one.new), []).append(one)
        else:
            alike.setdefault((one.member.machine, one.kind), []).append(one)
    flush()
    return rows


def _row(group: Sequence[Change | Note]) -> Row:
    first = group[0]
    instance, members = clean(first.member.instance.name), len({one.member for one in group})
    if members > 1:
        instance = f"{members} instances"
    change = f"{first.old.name} -> {first.new.name}" if isinstance(first, Change) else "-"
    reason = clean(first.why if isinstance(first, Change) else first.text)
    times = f"{len(group)} times, " if len(group) > members else ""
    if group[-1].at_ns != first.at_ns:
        reason += f" ({times}the last at {_at(group[-1].at_ns).strip()})"
    return _at(first.at_ns), first.member.machine.name, instance, change, reason


def _owner_rows(owners: Sequence[Owner], is_whole: bool) -> list[tuple[str, str, str]]:
    if is_whole or len(owners) <= _OWNERS_SHOWN:
        return [(str(owner.vip).partition(" dev ")[0], _owned_by(owner), _since(owner)) for owner in owners]
    counts: dict[str, int] = {}
    for owner in owners:
        counts[_owned_by(owner)] = counts.get(_owned_by(owner), 0) + 1
    return [(f"{count} addresses", who, "-") for who, count in counts.items()]


def _owned_by(owner: Owner) -> str:
    return " and ".join(member.machine.name for member in owner.members) or "nobody"


def _since(owner: Owner) -> str:
    return _at(max(member.since_ns for member in owner.members)).strip() if owner.members else "-"


# ---- the checks

def _verdict(play: Play, check: str, is_whole: bool) -> list[str]:
    failures = [failure for failure in play.checks.failures if failure.check == check]
    details: list[str]
    if failures:
        details = [f"at {_at(one.at_ns).strip()} {one.electorate.title}: {one.what}" for one in failures]
        head = f"FAIL  {SENTENCES[check]}: {counted(len(failures), 'failure')}"
    elif check == IN_TIME:
        takeovers = sorted(play.checks.takeovers, key=lambda one: one.bound_ns - one.took_ns)
        details = [_takeover(one) for one in takeovers]
        head = f"ok    {SENTENCES[check]}: {counted(len(takeovers), 'takeover')}"
    elif not play.checks.settled:
        return [f"-     {SENTENCES[check]}: not looked at"]
    else:
        return [f"ok    {SENTENCES[check]}: looked {counted(play.checks.settled, 'time')}"]
    shown = details if is_whole else details[:_DETAILS_SHOWN]
    more = [f"and {len(details) - len(shown)} more"] if len(details) > len(shown) else []
    return [head, *(f"      {clean(line)}" for line in (*shown, *more))]


def _takeover(one: Takeover) -> str:
    return (f"{one.electorate.title}: {one.member.machine.name} at {_at(one.at_ns).strip()}, after "
            f"{_s(one.took_ns)} of {_s(one.bound_ns)} at most ({one.reckoning})")


def _at(ns: int) -> str:
    return f"{(ns - START_NS) / NS_PER_S:9.3f} s"


def _s(ns: int) -> str:
    return f"{ns / NS_PER_S:.3f} s"


# ---- as JSON

def as_json(play: Play, notes: Iterable[str]) -> dict[str, object]:
    """The same for programs."""
    return {
        "seed": play.seed,
        "for_s": play.elapsed_ns / NS_PER_S,
        "hosts": [machine.name for machine in play.hosts],
        "notes": list(notes),
        "timeline": [_as_json(one) for one in play.timeline],
        "owners": [
            {
                "address": str(owner.vip).partition(" dev ")[0],
                "instance": owner.electorate.title,
                "hosts": [member.machine.name for member in owner.members],
            }
            for owner in play.owners()
        ],
        "takeovers": [
            {
                "instance": one.member.instance.name,
                "host": one.member.machine.name,
                "at_s": _seconds(one.at_ns),
                "took_s": one.took_ns / NS_PER_S,
                "bound_s": one.bound_ns / NS_PER_S,
            }
            for one in play.checks.takeovers
        ],
        "checks": [
            {
                "name": check,
                "holds": not any(failure.check == check for failure in play.checks.failures),
                "failures": [_failure(failure) for failure in play.checks.failures if failure.check == check],
            }
            for check in SENTENCES
        ],
        "looked": play.checks.settled,
        "not_looked": play.checks.unsettled,
    }


def _as_json(one: Change | Note | Happening) -> dict[str, object]:
    if isinstance(one, Happening):
        return {"at_s": _seconds(one.at_ns), "kind": "step", "step": str(one.step)}
    where = {"at_s": _seconds(one.at_ns), "host": one.member.machine.name, "instance": one.member.instance.name}
    if isinstance(one, Change):
        return {**where, "kind": "state", "old": one.old.name, "new": one.new.name, "reason": one.why}
    return {**where, "kind": one.kind, "reason": one.text}


def _failure(failure: Failure) -> dict[str, object]:
    return {"at_s": _seconds(failure.at_ns), "instance": failure.electorate.title, "what": failure.what}


def _seconds(ns: int) -> float:
    return (ns - START_NS) / NS_PER_S
