"""The table of `pyvrrp top` on a terminal: titles, and rows of which only those in sight are ever made into text.

textual's DataTable keeps a cell for each value. With 10,000 rows it takes seconds to lay out, and one to follow an
answer in which every age has changed; a list that draws lines costs nothing for what is out of sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from pyvrrp.cli.top.columns import BY_STATE, COLUMNS, GAP, Placed, placed, printable
from pyvrrp.cli.top.rows import Need, Row

# The word says it all; a colour finds it faster.
_COLOURS = {
    Need.SPLIT_BRAIN: Style(color="white", bgcolor="red", bold=True),
    Need.FAULT: Style(color="red", bold=True),
    Need.NOT_RUN: Style(color="magenta", bold=True),
    Need.PROBLEM: Style(color="yellow", bold=True),
    Need.INIT: Style(color="yellow"),
    Need.MASTER: Style(color="green"),
    Need.BACKUP: Style(color="cyan"),
}
_CHOSEN = Style(reverse=True)


class Titles(Widget):
    """The line of titles. A click says which column."""

    DEFAULT_CSS = "Titles { height: 1; text-style: bold; background: $panel; }"

    class Clicked(Message):
        """A title was clicked: sort by it."""

        def __init__(self, column: int) -> None:
            self.column = column
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._columns: Sequence[Placed] = ()
        self._sorted = 0

    def show(self, columns: Sequence[Placed], sorted_by: int) -> None:
        """columns: as the rows have them."""
        self._columns, self._sorted = columns, sorted_by
        self.refresh()

    def render(self) -> Text:
        """Each title above its column; the one that is sorted by is underlined."""
        line = Text(no_wrap=True, overflow="crop")
        for column in self._columns:
            line.append(" " * (column.x - len(line)))
            style = "underline reverse" if column.which == self._sorted else ""
            line.append(cell(COLUMNS[column.which].title, column), style)
        return line

    def on_click(self, event: events.Click) -> None:
        """The column below the mouse, with the gap to its right."""
        for column in self._columns:
            if column.x <= event.x < column.x + column.width + GAP:
                self.post_message(self.Clicked(column.which))
                return


class Table(ScrollView):
    """The rows. One of them is chosen, and stays chosen wherever it is sorted to."""

    can_focus = True
    DEFAULT_CSS = "Table { height: 1fr; overflow-x: hidden; overflow-y: scroll; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "edge(0)", "first", show=False),
        Binding("end", "edge(1)", "last", show=False),
    ]

    class Chosen(Message):
        """Another row is chosen."""

    class Laid(Message):
        """The columns have another place."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Row] = ()
        self.columns: Sequence[Placed] = ()
        self._wanted: Sequence[int] = ()
        self._chosen = 0                # in rows

    @property
    def chosen(self) -> Row | None:
        """The row that is chosen; None: there is none."""
        return self.rows[self._chosen] if self._chosen < len(self.rows) else None

    def show(self, rows: Sequence[Row], wanted: Sequence[int]) -> None:
        """Other rows. wanted: see columns.wanted_widths."""
        before = self.chosen
        self.rows, self._wanted = rows, wanted
        name = before.name if before is not None else None
        # At the top the top stays chosen until somebody moves: what needs a look comes there.
        if self._chosen:
            place = next((i for i, row in enumerate(rows) if row.name == name), self._chosen)
            self._chosen = min(place, max(0, len(rows) - 1))
        self._lay()
        self.refresh()
        after = self.chosen
        if (after.name if after is not None else None) != name:
            self.post_message(self.Chosen())

    def on_resize(self) -> None:
        """The columns fill the new width."""
        self._lay()

    def _lay(self) -> None:
        width = self.scrollable_content_region.width
        self.virtual_size = Size(width, len(self.rows))
        columns = placed(self._wanted, width) if self._wanted and width else ()
        if columns != self.columns:
            self.columns = columns
            self.refresh()
            self.post_message(self.Laid())

    def choose(self, place: int) -> None:
        """Choose a row by its place, or the nearest there is."""
        if not self.rows:
            return
        self._chosen = max(0, min(place, len(self.rows) - 1))
        self.scroll_to_region(Region(0, self._chosen, 1, 1), animate=False, force=True)
        self.refresh()
        self.post_message(self.Chosen())

    def action_move(self, count: int) -> None:
        """Down, or up."""
        self.choose(self._chosen + count)

    def action_page(self, count: int) -> None:
        """As far as there is to be seen."""
        self.choose(self._chosen + count * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, is_end: int) -> None:
        """The first or the last."""
        self.choose(len(self.rows) if is_end else 0)

    def on_click(self, event: events.Click) -> None:
        """The row below the mouse."""
        place = event.y + self.scroll_offset.y
        if place < len(self.rows):
            self.choose(place)

    def render_line(self, y: int) -> Strip:
        """One line of what is in sight. y: from the top of the widget."""
        place = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        base = self.rich_style
        if place >= len(self.rows):
            return Strip.blank(width, base)
        if place == self._chosen:
            base += _CHOSEN
        row = self.rows[place]
        segments = []
        for column in self.columns:
            style = base + _COLOURS[row.need] if column.which == BY_STATE else base
            segments.append(Segment(cell(COLUMNS[column.which].text(row), column), style))
            segments.append(Segment(" " * GAP, base))
        return Strip(segments).adjust_cell_length(width, base)


def cell(text: str, column: Placed) -> str:
    """A cell of the column's width; `~` where something is cut off."""
    text = printable(text)
    if len(text) > column.width:
        text = f"{text[: column.width - 1]}~"
    if COLUMNS[column.which].is_number:
        text = text.rjust(column.width)
    return set_cell_size(text, column.width)
