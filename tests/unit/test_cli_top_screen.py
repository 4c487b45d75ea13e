"""`pyvrrp top` on a terminal that textual makes for tests, with a real control server behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from serving import Daemon

pytest.importorskip("textual", reason="textual is not installed: pip install 'pyvrrp[tui]'")

from textual.pilot import Pilot
from textual.widgets import Input, Static

from pyvrrp.cli.top.app import Top
from pyvrrp.cli.top.columns import COLUMNS
from pyvrrp.cli.top.poller import Poller
from pyvrrp.cli.top.table import Table, Titles
from pyvrrp.control.answers import Answer, Call, Refusal
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceDetails, InstanceStatus, OtherMaster

PATIENCE_S = 25.0
OTHER = OtherMaster(
    address="192.0.2.2", priority=90, own_address="192.0.2.1", own_priority=100, since="x", since_s=3.0
)


def instance(name: str, state: str, vrid: int, **fields: Any) -> InstanceStatus:
    return InstanceStatus(
        name=name, state=state, vrid=vrid, priority=100, base_priority=100, interface=f"eth{vrid}",
        vips=[f"192.0.2.{vrid}/24"], counted_since="2026", **fields
    )


class World:
    """What the daemon says, which a test may change, and the screen that shows it."""

    def __init__(self, path: Path) -> None:
        self.instances = [
            instance("web", "MASTER", 3),
            instance("db", "BACKUP", 2),
            instance("split", "MASTER", 4, other_master=OTHER),
            instance("down", "FAULT", 1, faults=["interface eth1 is down"]),
        ]
        self.path = path
        self.pilot: Pilot[int]

    def daemon(self) -> Daemon:
        async def details(call: Call) -> Answer:
            for each in self.instances:
                if each.name == call.name:
                    return InstanceDetails(**msgspec.structs.asdict(each), why=f"reason of {each.name}")
            raise Refusal(404, f"{call.name}: there is no such instance")

        return Daemon(self.path, lambda: list(self.instances), {"instance": details})

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await self.pilot.pause(0.02)

    @property
    def table(self) -> Table:
        return self.pilot.app.query_one(Table)

    def names(self) -> list[str]:
        return [row.name for row in self.table.rows]

    def lines(self) -> list[str]:
        """The rows as they are drawn."""
        return [self.table.render_line(y).text for y in range(len(self.table.rows))]

    def text(self, name: str) -> str:
        return str(self.pilot.app.query_one(f"#{name}", Static).render())


def play(path: Path, test: Callable[[World], Coroutine[Any, Any, None]], *, text: str = "", width: int = 130) -> None:
    """Run a test with the daemon and the screen there."""
    world = World(path / "s")

    async def run() -> None:
        poller = Poller(ControlClient(str(world.path)), interval_s=0.1)
        first = await asyncio.to_thread(poller.ask)
        app = Top(poller, first, text=text, interval_s=0.1)
        async with app.run_test(size=(width, 30)) as world.pilot:
            await world.until(lambda: bool(world.table.columns))
            await test(world)
        await asyncio.to_thread(poller.join)

    with world.daemon():
        asyncio.run(run())


def test_what_needs_a_look_is_at_the_top(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert world.names() == ["split", "down", "web", "db"]
        lines = world.lines()
        assert lines[0].split()[:2] == ["split", "2"]
        assert lines[1].split()[:2] == ["down", "FAULT"]
        assert "192.0.2.3/24" in lines[2]
        assert "4 instances: 2 MASTER, 1 BACKUP, 1 FAULT; 1 with two hosts that are MASTER" in world.text("head")
        assert "sorted by STATE; every 0.1 s" in world.text("said")

    play(tmp_path, test)


def test_what_changes_is_shown_and_the_chosen_one_stays_chosen(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.pilot.press("down", "down")
        assert world.table.chosen is not None
        assert world.table.chosen.name == "web"
        world.instances = [instance("web", "FAULT", 3), instance("db", "MASTER", 2)]
        await world.until(lambda: world.names() == ["web", "db"])
        assert world.table.chosen.name == "web"
        world.instances = [instance("db", "MASTER", 2)]
        await world.until(lambda: world.names() == ["db"])
        assert world.table.chosen.name == "db"
        world.instances = []
        await world.until(lambda: world.names() == [])
        assert world.table.chosen is None
        await world.pilot.press("down", "enter", "end")

    play(tmp_path, test)


def test_keys_and_clicks_sort(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.pilot.press("<")
        assert world.names() == ["db", "down", "split", "web"]
        await world.pilot.press("R")
        assert world.names() == ["web", "split", "down", "db"]
        assert "sorted by INSTANCE, turned round" in world.text("said")
        vrid = next(column for column in world.table.columns if COLUMNS[column.which].title == "VRID")
        await world.pilot.click(Titles, offset=(vrid.x + 1, 0))
        await world.until(lambda: world.names() == ["down", "db", "web", "split"])
        await world.pilot.click(Titles, offset=(vrid.x + 1, 0))
        await world.until(lambda: world.names() == ["split", "web", "db", "down"])
        await world.pilot.click(Table, offset=(2, 2))
        await world.until(lambda: world.table.chosen is not None and world.table.chosen.name == "db")

    play(tmp_path, test)


def test_words_and_states_filter(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.pilot.press("m")
        assert world.names() == ["split", "web"]
        assert "2 of 4: MASTER" in world.text("said")
        await world.pilot.press("t")
        assert world.names() == ["split", "down"]
        await world.pilot.press("a", "/", "h", "2")
        await world.until(lambda: world.names() == ["db"])
        await world.pilot.press("enter")
        assert world.table.has_focus
        assert not world.pilot.app.query_one(Input).display
        assert "1 of 4: /h2" in world.text("said")
        await world.pilot.press("escape")
        await world.until(lambda: len(world.names()) == 4)

    play(tmp_path, test)


def test_words_of_the_command_line_filter_too(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert world.names() == ["down"]

    play(tmp_path, test, text="ETH1")


def test_details_are_those_of_the_chosen_one(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.pilot.press("enter")
        await world.until(lambda: "reason of split" in world.text("shown"))
        assert "192.0.2.2 with priority 90" in world.text("shown")
        await world.pilot.press("down")
        await world.until(lambda: "reason of down" in world.text("shown"))
        await world.pilot.press("escape")
        assert not world.pilot.app.query_one("#details").display

    play(tmp_path, test)


def test_a_daemon_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "s")
    daemon = world.daemon()

    async def run() -> None:
        poller = Poller(ControlClient(str(world.path)), interval_s=600.0)
        app = Top(poller, await asyncio.to_thread(poller.ask), interval_s=0.1)
        async with app.run_test(size=(130, 30)) as world.pilot:
            await asyncio.to_thread(daemon.__exit__)
            poller.pace(interval_s=0.1, is_paused=False)
            await world.until(lambda: "NO ANSWER" in world.text("said"))
            assert str(world.path) in world.text("said")
            assert len(world.names()) == 4                  # the last answer stays
            world.instances = world.instances[:1]
            with world.daemon():
                await world.until(lambda: world.names() == ["web"])
                assert "NO ANSWER" not in world.text("said")
                poller.stop()
                await asyncio.to_thread(poller.join)

    daemon.__enter__()
    asyncio.run(run())


def test_stopping_and_pace(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.pilot.press("space")
        assert "STOPPED" in world.text("said")
        await world.pilot.press("space", "+")
        assert "every 1 s" in world.text("said")
        await world.pilot.press("q")
        assert world.pilot.app.return_code == 0

    play(tmp_path, test)


def test_a_narrow_screen_says_what_it_has_no_room_for(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert "no room for" in world.text("said")
        assert "VRID" in world.text("said")
        assert all(len(line) <= 60 for line in world.lines())

    play(tmp_path, test, width=60)


def test_thousands_are_drawn_only_where_they_are_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes 10,000 usable: a row that is out of sight is never made into text."""
    drawn = set()
    draw = Table.render_line
    monkeypatch.setattr(Table, "render_line", lambda self, y: (drawn.add(y + self.scroll_offset.y), draw(self, y))[1])

    async def test(world: World) -> None:
        world.instances = [instance(f"tenant-{i}", "BACKUP", i % 255 + 1) for i in range(5000)]
        await world.until(lambda: len(world.names()) == 5000)
        await world.pilot.press("end")
        await world.until(lambda: 4999 in drawn)
        assert world.table.chosen is not None
        assert world.table.chosen.name == "tenant-4999"
        assert len(drawn) < 200

    play(tmp_path, test)
