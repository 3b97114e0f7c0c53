"""``hounsfield top``: how the service stands, on one screen, live."""

import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, open_stores
from hounsfield.daemon.cli.output import console, json_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from hounsfield.daemon.cli.board import Board
    from hounsfield.storage.engine import Database

FRAME_SECONDS = 0.25
"""Between two drawings at least."""
STALE_SECONDS = 1.0
"""Between two drawings at most: ages grow while nothing happens."""
_KEY_SECONDS = 0.1


def top(
    once: Annotated[bool, typer.Option("--once", help="Print it once and end, as without a terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it once, as one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show on one screen how the service stands: processes, queues, intake, results, alarms, disk, pauses.

    It is drawn anew when something changes, at most four times a second. q or Ctrl-C ends it. Nothing on it names a
    patient. Without a terminal it is printed once.
    """
    from hounsfield.daemon.cli.board import look
    from hounsfield.daemon.cli.board_views import screen
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        hash_of = UidHasher.of_home(settings.storage.shared_folder)

        def now() -> "Board":
            return look(database, settings, database.now())

        if as_json:
            json_line(now().as_json(hash_of))
        elif once or not sys.stdout.isatty():
            console().print(screen(now(), hash_of))
        else:
            _live(database, now, hash_of)


def _live(database: "Database", now: "Callable[[], Board]", hash_of: "Callable[[str], str]") -> None:
    from rich.live import Live

    from hounsfield.daemon.cli.board_views import screen
    from hounsfield.daemon.cli.following import Bell, until_interrupted

    bell, ended = Bell(database.doorbell()), threading.Event()
    view = Live(console=console(), screen=True, auto_refresh=False)
    with until_interrupted() as wait, _ends_at_q(ended), view:
        while not ended.is_set():
            bell.heard()
            view.update(screen(now(), hash_of), refresh=True)
            wait(lambda: ended.wait(FRAME_SECONDS))
            wait(lambda: bell.wait(STALE_SECONDS - FRAME_SECONDS, ended))


@contextmanager
def _ends_at_q(ended: threading.Event) -> Iterator[None]:
    """Set the event when q is pressed; the terminal is as before behind the block."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    over = threading.Event()
    reader = threading.Thread(target=_read_keys, args=(terminal, ended, over), daemon=True)
    tty.setcbreak(terminal)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read_keys(terminal: int, ended: threading.Event, over: threading.Event) -> None:
    while not over.is_set():
        if select.select([terminal], [], [], _KEY_SECONDS)[0] and os.read(terminal, 1) in (b"q", b"Q", b""):
            ended.set()
            return
