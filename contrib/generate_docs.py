"""Write the documents that are made from the code itself.

    generate_docs.py DIRECTORY MANUALS

keywords.md and the manual page pyvrrp.conf.5: the table of keywords in pyvrrp/config/table.
pyvrrp.1 and pyvrrpd.8: the parsers of the command lines, see manuals.py.
openapi.json: the endpoints of the control API, from pyvrrp/control/endpoints.py.
state-machine.md: the table and the diagram of vrrpcore.fsm.
counters.md: the names of what is counted, from pyvrrp.statistics.
diagnostics.md: the codes of pyvrrp.config.codes, each with its sentence, found in the sources by sentences.py.
metrics.md: what Prometheus is told, from pyvrrp.metrics.
rules.md: the rules of rules.toml beside the tests that hold and that break each, found in the sources of the tests by
their markers, @pytest.mark.rule("R5") and @pytest.mark.rule("R5", breaks=True).
"""

import ast
import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import sentences
from manuals import pyvrrp_page, pyvrrpd_page

from pyvrrp import limits, statistics
from pyvrrp.config import codes, explain
from pyvrrp.control import endpoints
from pyvrrp.metrics.families import METRICS
from vrrpcore import fsm

ROOT = Path(__file__).parents[1]


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


@dataclass(frozen=True, slots=True, order=True)
class MarkedTest:
    """A test that carries a rule's marker."""

    path: str                   # from the root of the repository
    name: str                   # Class.test or test
    rule: str
    breaks: bool

    def link(self) -> str:
        """Return a Markdown link, from docs/, to the test's file."""
        return f"[{self.name.rpartition('.')[2].removeprefix('test_')}](../{self.path})"


@dataclass(slots=True)
class Rule:
    """A rule and its tests. `missing`: why nothing of it is there; `gap`: what is not."""

    id: str
    text: str
    missing: str = ""
    gap: str = ""
    held_by: list[MarkedTest] = field(default_factory=list)
    broken_by: list[MarkedTest] = field(default_factory=list)


def marked_tests(directory: Path = ROOT / "tests") -> list[MarkedTest]:
    """Every test below `directory` that carries a rule's marker, itself or by its class. Nothing is imported."""
    found: list[MarkedTest] = []
    for path in sorted(directory.rglob("test_*.py")):
        name = path.relative_to(directory.parent).as_posix()
        found += _marked(ast.parse(path.read_text()), name, "", [])
    return found


def _marked(node: ast.AST, path: str, prefix: str, inherited: list[tuple[str, bool]]) -> Iterator[MarkedTest]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        marks = list(dict.fromkeys([*inherited, *(mark for line in child.decorator_list for mark in _rules(line))]))
        if isinstance(child, ast.ClassDef):
            yield from _marked(child, path, f"{prefix}{child.name}.", marks)
        elif child.name.startswith("test_"):
            for rule, breaks in marks:
                yield MarkedTest(path, prefix + child.name, rule, breaks)


def _rules(decorator: ast.expr) -> Iterator[tuple[str, bool]]:
    """Every (id, breaks) in a decorator: a marker itself, or those of parameters. Raises ValueError for a bad one."""
    for call in ast.walk(decorator):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != "pytest.mark.rule":
            continue
        where = f"line {call.lineno}: {ast.unparse(call)}"
        try:
            (rule,) = (ast.literal_eval(value) for value in call.args)
            options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        except ValueError:
            if call is decorator:
                raise ValueError(f"{where}: write it in full") from None
            continue            # made from a table of parameters: not of the test as a whole
        breaks = options.pop("breaks", False)
        if options or not isinstance(rule, str) or not isinstance(breaks, bool):
            raise ValueError(f"{where}: not a rule's marker")
        yield rule, breaks


def rules() -> dict[str, Rule]:
    """Every rule of rules.toml by its id, with its tests. Raises ValueError for a marker without its rule."""
    with (ROOT / "contrib" / "rules.toml").open("rb") as file:
        written = tomllib.load(file)
    missing, gaps = written.pop("missing"), written.pop("gap")
    found = {
        name: Rule(name, text, missing.get(name, ""), gaps.get(name, ""))
        for group in written.values() for name, text in group.items() if name != "title"
    }
    for marked in marked_tests():
        if marked.rule not in found:
            raise ValueError(f"{marked.path}: {marked.name}: there is no rule {marked.rule}")
        rule = found[marked.rule]
        (rule.broken_by if marked.breaks else rule.held_by).append(marked)
    for name in {*missing, *gaps}:
        if name not in found:
            raise ValueError(f"rules.toml: a gap in a rule that is not there, {name}")
    return found


def rules_document() -> str:
    """The rules with their tests, and the gaps."""
    with (ROOT / "contrib" / "rules.toml").open("rb") as file:
        titles = {letter: group["title"] for letter, group in tomllib.load(file).items() if "title" in group}
    found = rules()
    lines = [
        "# The rules and their tests",
        "",
        "Made by `make docs` from `contrib/rules.toml` and the markers in `tests/`; a test compares them. A rule is",
        "held by a test that shows it kept, and broken by a test that does what it forbids and shows that this is",
        "refused, or seen. A rule without both fails the tests, unless it is not done; see Gaps.",
    ]
    for letter, title in titles.items():
        lines += ["", f"## {title}", "", "| rule | says | held by | broken by |", "|---|---|---|---|"]
        for rule in found.values():
            if rule.id[0] == letter:
                cells = [", ".join(test.link() for test in tests) for tests in (rule.held_by, rule.broken_by)]
                name = f"{rule.id}, not done" if rule.missing else rule.id
                lines.append(f"| {name} | {rule.text} | {cells[0]} | {cells[1]} |")
    lines += ["", "## Gaps", "", "| rule | what is not there |", "|---|---|"]
    lines += [f"| {rule.id} | {rule.missing or rule.gap} |" for rule in found.values() if rule.missing or rule.gap]
    return "\n".join([*lines, ""])


def counters_document() -> str:
    """What is counted: of an instance, of all together, and as histograms."""
    lines = [
        "# What is counted",
        "",
        "Made by `make docs` from the table in `pyvrrp/statistics.py`; a test compares the two.",
        "",
        "## Of an instance",
        "",
        "Under `counters` of each instance in `pyvrrp status --json`, and by the names of",
        "[RFC 8347](https://www.rfc-editor.org/rfc/rfc8347) (module `ietf-vrrp`) under `statistics`. Where several",
        "counters name one leaf, the leaf is their sum. What cannot be given to an instance is counted by address",
        "family, with the same names, under `counters` of the whole answer: `ipv4`, `ipv6`.",
        "",
        "| counter | keepalived has it | RFC 8347 | meaning |",
        "|---|---|---|---|",
    ]
    for counter in statistics.COUNTERS:
        leaf = f"`{counter.leaf}`" if counter.leaf else ""
        if counter.leaf in statistics.GLOBAL_LEAVES:
            leaf += ", global"
        lines.append(f"| `{counter.name}` | {'yes' if counter.keepalived else ''} | {leaf} | {counter.means} |")
    lines += [
        "",
        "From `packet_short_err` on they are reasons for which an advert was dropped; it changed no state and moved no",
        "timer. `discontinuity-datetime` is `counted_since` of the instance: when its counters began at 0. The global",
        "leaves are sums over all instances and what belonged to none; their `discontinuity-datetime` is when the",
        "daemon began, or an instance was last removed. keepalived's `invalid_authtype` has no counter: AH is refused",
        "when the configuration is read.",
        "",
        "## Of all together",
        "",
        "Under `counters` of the whole answer, in `engine`.",
        "",
        "| counter | meaning |",
        "|---|---|",
    ]
    for name, means in statistics.TOTALS.items():
        shown = f"{name.removesuffix('_ns')}_us" if name.endswith("_ns") else name
        lines.append(f"| `{shown}` | {means} |")
    lines += [
        "| `counted_since_s` | Since when the global leaves above have only grown, in seconds since 1970 |",
        "",
        "Who was told of changes, of all files together: there in `notify`.",
        "",
        "| counter | meaning |",
        "|---|---|",
        *(f"| `{name}` | {means} |" for name, means in statistics.NOTIFY.items()),
        "",
        "What ran scripts, of all files together, checks included: there in `scripts`.",
        "",
        "| counter | meaning |",
        "|---|---|",
        *(f"| `{name}` | {means} |" for name, means in statistics.SCRIPTS.items()),
        "",
        "What was asked of the kernel, in all network namespaces together: there in `netlink`.",
        "",
        "| counter | meaning |",
        "|---|---|",
        *(f"| `{name}` | {means} |" for name, means in statistics.NETLINK.items()),
        "",
        "## Histograms",
        "",
        "Under `counters` of the whole answer, each by its own name. A column is named by its bound: it counts the",
        "values below it that are not below half of it; `inf` has no bound. Columns that are 0 are left out.",
        "",
        "| histogram | of what |",
        "|---|---|",
        *(f"| `{name}` | {means} |" for name, means in statistics.HISTOGRAMS.items()),
    ]
    return "\n".join([*lines, ""])


def openapi_document() -> str:
    """The control API, as the daemon serves it at /v1/openapi.json."""
    return json.dumps(endpoints.openapi(), indent=1, ensure_ascii=False) + "\n"


def diagnostics_document() -> str:
    """Every code of a mistake with its sentence, kind by kind."""
    told = {code: sentence for code, sentence, _ in sentences.sentences()}
    lines = [
        "# What can be wrong in a file",
        "",
        "Made by `make docs` from `pyvrrp/config`. `pyvrrp check --json` gives each message its `code`, and the `kind`",
        "of that code. A code is never renamed or given to another mistake; new ones may come, so a program that does",
        "not know one goes by its kind. The sentence is for people and may be worded better: `...` is filled in.",
        "Whether a message is an error or a warning, and in which file, line and column it lies, stands beside it.",
    ]
    for kind, meaning in codes.KINDS.items():
        lines += ["", f"## {kind}", "", f"{meaning[0].upper()}{meaning[1:]}.", ""]
        lines += ["| code | the sentence |", "|---|---|"]
        for code in sorted(code for code, of in codes.KIND_OF.items() if of == kind):
            sentence = told[code].replace("|", "\\|").replace("<", "\\<")
            lines.append(f"| `{code}` | {sentence} |")
    return "\n".join([*lines, ""])


def metrics_document() -> str:
    """What a scrape tells."""
    lines = [
        "# Metrics",
        "",
        "Made by `make docs` from the table in `pyvrrp/metrics/families.py`; a test compares the two.",
        "",
        "    curl --unix-socket /run/pyvrrp/pyvrrp.sock http://localhost/metrics",
        "",
        "Metrics of an instance have the labels `name`, `interface`, `vrid`, `family`, and `net_namespace` if it is",
        "not in the daemon's own. Counters of an instance that are 0 are left out, but for adverts and changes of",
        "state.",
        f"The addresses have a series each only while all instances together have {limits.METRICS_VIPS_MAX} or fewer.",
        "What `reason` and `kind` mean is in [counters.md](counters.md).",
        "",
        "| metric | type | meaning |",
        "|---|---|---|",
        *(f"| `{metric.name}` | {metric.kind} | {metric.help} |" for metric in METRICS.values()),
        "",
        "The histograms of the engine have no `_sum`: it keeps none.",
        "",
        "With `--metrics-compat` there are also the names of keepalived's exporters (`keepalived_vrrp_state` and the",
        "like), for dashboards that exist. [contrib/grafana](../contrib/grafana) has a dashboard for each set of",
        "names, [contrib/prometheus](../contrib/prometheus) alert rules.",
    ]
    return "\n".join([*lines, ""])


def main(directory: str, manuals: str) -> None:
    """Write every generated document into `directory`, and manual pages into `manuals`."""
    (Path(directory) / "counters.md").write_text(counters_document())
    (Path(directory) / "openapi.json").write_text(openapi_document())
    (Path(directory) / "diagnostics.md").write_text(diagnostics_document())
    (Path(directory) / "metrics.md").write_text(metrics_document())
    (Path(directory) / "keywords.md").write_text(explain.document())
    (Path(manuals) / "pyvrrp.conf.5").write_text(explain.manual_page())
    (Path(manuals) / "pyvrrp.1").write_text(pyvrrp_page())
    (Path(manuals) / "pyvrrpd.8").write_text(pyvrrpd_page())
    (Path(directory) / "state-machine.md").write_text(state_machine())
    (Path(directory) / "rules.md").write_text(rules_document())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
