"""What is paused, told beside what other commands print: nobody should wonder why nothing happens."""

from collections.abc import Iterable

from hounsfield.daemon.cli.output import local, note
from hounsfield.storage.control import ControlStore, Pause


def pause_line(pause: Pause) -> str:
    """Return "inference is paused since 2026-11-25 22:30:00 by anna (why)"."""
    from hounsfield.daemon.logs import escape_controls

    by = f" by {escape_controls(pause.person)}" if pause.person else ""
    why = f" ({escape_controls(pause.note)})" if pause.note else ""
    return f"{pause.part} is paused since {local(pause.since)}{by}{why}"


def tell_pauses(control: ControlStore) -> None:
    """Write a line to stderr for each part that is paused."""
    for pause in control.pauses():
        note(pause_line(pause))


class PauseNotes:
    """Tells what is paused, and each change of it."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._known: tuple[Pause, ...] = ()

    def look(self) -> None:
        """Ask, and write to stderr what is new since the last call."""
        now = tuple(self._control.pauses())
        for pause in _not_in(now, self._known):
            note(pause_line(pause))
        for pause in _not_in(self._known, now):
            note(f"{pause.part} goes on")
        self._known = now


def _not_in(some: Iterable[Pause], others: Iterable[Pause]) -> list[Pause]:
    parts = {pause.part for pause in others}
    return [pause for pause in some if pause.part not in parts]
