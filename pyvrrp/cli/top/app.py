"""The screen of `pyvrrp top`: what the keys and the mouse do, and what is told above and below the table."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Footer, Input, Static

from pyvrrp.cli.status import duration
from pyvrrp.cli.top.columns import BY_STATE, COLUMNS, head, in_order, left_out, printable, wanted_widths
from pyvrrp.cli.top.poller import Details, Lost, News, Poller
from pyvrrp.cli.top.rows import LOOK, Row, Snapshot, matching
from pyvrrp.cli.top.table import Table, Titles

PROBLEMS_SHOWN = 3                      # of those of no instance: the table is what the screen is for
STALE = 3.0                             # intervals without an answer, until the screen says so
INTERVALS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Told(Message):
    """The poller has news."""

    def __init__(self, news: News) -> None:
        self.news = news
        super().__init__()


class Top(App[int]):
    """All that runs, until it is ended."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: auto; }
    #said { height: auto; }
    #search { display: none; height: 1; border: none; padding: 0; }
    #details { display: none; height: 45%; border-top: solid $accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "end", priority=False),
        Binding("enter", "details", "details"),
        Binding("slash", "search", "search"),
        Binding("less_than_sign,left", "sort(-1)", "sort", key_display="< >"),
        Binding("greater_than_sign,right", "sort(1)", "sort", show=False),
        Binding("R", "turn", "turn round"),
        Binding("m", "state('MASTER')", "MASTER"),
        Binding("b", "state('BACKUP')", "BACKUP"),
        Binding("f", "state('FAULT')", "FAULT"),
        Binding("t", f"state('{LOOK}')", "needs a look"),
        Binding("a", "state('')", "all"),
        Binding("space", "pause", "stop"),
        Binding("plus", "pace(1)", "less often", show=False),
        Binding("minus", "pace(-1)", "more often", show=False),
        Binding("escape", "leave", "leave", show=False),
    ]

    def __init__(self, poller: Poller, first: Snapshot, *, text: str = "", interval_s: float = 2.0) -> None:
        """first: what is shown until the poller has more. text: words to filter by. interval_s: the poller's."""
        super().__init__()
        self._poller = poller
        self._seen = first
        self._rows: list[Row] = []      # of _seen, sorted
        self._wanted = wanted_widths(first.rows)
        self._lost = ""                 # why there is no answer; empty: there was one
        self._text = text
        self._state: str | None = None
        self._column = BY_STATE
        self._is_turned = False
        self._interval_s = interval_s
        self._is_paused = False
        # Held, not looked for: the last news may come when the screen is being taken down.
        self._table, self._titles = Table(), Titles()
        self._head, self._said = Static(id="head", markup=False), Static(id="said", markup=False)
        self._shown = Static(id="shown", markup=False)
        self._pane = VerticalScroll(self._shown, id="details")
        self._search = Input(id="search", placeholder="words of a name, an interface, an address")

    def compose(self) -> ComposeResult:
        """From the top to the bottom."""
        self._search.value = self._text
        yield from (self._head, self._titles, self._table, self._pane, self._said, self._search, Footer())

    def on_mount(self) -> None:
        """Begin."""
        self.title = "pyvrrp top"
        self._table.focus()
        self._take(self._seen)
        self._poller.start(lambda news: self.post_message(Told(news)))
        self.set_interval(1.0, self._say)

    def on_unmount(self) -> None:
        """No more questions."""
        self._poller.stop()

    # ---- news

    @on(Told)
    def _told(self, event: Told) -> None:
        news = event.news
        if isinstance(news, Details):
            row = self._table.chosen
            if row is not None and row.name == news.name:
                text = "\n".join(printable(line) for line in news.lines)
                self._shown.update(Text(text))
        elif isinstance(news, Lost):
            self._lost = news.why
            self._say()
        else:
            self._lost = ""
            self._take(news)

    def _take(self, seen: Snapshot) -> None:
        self._seen = seen
        self._wanted = wanted_widths(seen.rows)
        lines = head(seen)
        if len(lines) > 3 + PROBLEMS_SHOWN:
            lines[3 + PROBLEMS_SHOWN:] = [f"and {len(lines) - 3 - PROBLEMS_SHOWN} more; pyvrrp status shows them"]
        text = Text("\n".join(map(printable, lines)), no_wrap=True, overflow="ellipsis")
        self._head.update(text)
        self._sort()

    def _sort(self) -> None:
        self._rows = in_order(self._seen.rows, self._column, self._is_turned)
        self._filter()

    def _filter(self) -> None:
        self._table.show(matching(self._rows, self._text.lower().split(), self._state), self._wanted)
        self._laid()

    @on(Table.Laid)
    def _laid(self) -> None:
        self._titles.show(self._table.columns, self._column)
        self._say()

    def _say(self) -> None:
        """The line below the table: what is shown, and how old it is."""
        way = ", turned round" if self._is_turned else ""
        parts = [f"sorted by {COLUMNS[self._column].title}{way}"]
        if self._text or self._state:
            wanted = [f"/{self._text}"] if self._text else []
            if self._state:
                wanted.append("needs a look" if self._state == LOOK else self._state)
            parts.append(f"{len(self._table.rows)} of {len(self._rows)}: {', '.join(wanted)} (a, escape: all)")
        if missing := left_out(self._table.columns):
            parts.append(f"no room for {', '.join(missing)}")
        age_s = time.monotonic() - self._seen.at_s
        said = Text()
        if self._lost:
            said.append(f" NO ANSWER, this is {duration(age_s)} old: {printable(self._lost)} \n", "bold reverse red")
        elif self._is_paused:
            parts.insert(0, f"STOPPED, {duration(age_s)} old; space goes on")
        elif age_s > STALE * max(self._interval_s, self._seen.took_s):
            parts.insert(0, f"no answer for {duration(age_s)}")
        else:
            parts.append(f"every {self._interval_s:g} s")
        said.append("; ".join(parts))
        self._said.update(said)

    # ---- sorting and filtering

    @on(Titles.Clicked)
    def _clicked(self, event: Titles.Clicked) -> None:
        self._is_turned = not self._is_turned if event.column == self._column else False
        self._column = event.column
        self._sort()

    def action_sort(self, step: int) -> None:
        """By the column to the left or right, shown or not."""
        self._column = (self._column + step) % len(COLUMNS)
        self._is_turned = False
        self._sort()

    def action_turn(self) -> None:
        """The other way round."""
        self._is_turned = not self._is_turned
        self._sort()

    def action_state(self, state: str) -> None:
        """Only this state; once more, or empty: all of them."""
        self._state = None if state in ("", self._state) else state
        self._filter()

    def action_search(self) -> None:
        """Type words."""
        self._search.display = True
        self._search.focus()

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._text:
            self._text = event.value
            self._filter()

    @on(Input.Submitted, "#search")
    def _typed_out(self) -> None:
        self._search.display = False
        self._table.focus()

    def action_leave(self) -> None:
        """The words are gone; then the details; then the states."""
        if self._search.display or self._text:
            self._search.value = ""
            self._typed_out()
        elif self._pane.display:
            self.action_details()
        else:
            self.action_state("")

    # ---- details

    def action_details(self) -> None:
        """Show or hide what is known of the chosen one."""
        self._pane.display = not self._pane.display
        if not self._pane.display:
            self._table.focus()
        self._choose()

    @on(Table.Chosen)
    def _choose(self) -> None:
        row = self._table.chosen
        is_shown = self._pane.display
        self._shown.update(Text(printable(row.name) if row is not None else "nothing is chosen"))
        self._poller.choose(row.name if row is not None and is_shown else None)

    # ---- asking

    def action_pause(self) -> None:
        """Stop, or go on."""
        self._is_paused = not self._is_paused
        self._pace()

    def action_pace(self, step: int) -> None:
        """Ask less or more often."""
        nearest = min(range(len(INTERVALS_S)), key=lambda i: abs(INTERVALS_S[i] - self._interval_s))
        self._interval_s = INTERVALS_S[max(0, min(nearest + step, len(INTERVALS_S) - 1))]
        self._pace()

    def _pace(self) -> None:
        self._poller.pace(interval_s=self._interval_s, is_paused=self._is_paused)
        self._say()
