"""Who decides: the name that stands in the job log beside a decision that only a person can make, and writing it."""

import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.exits import UsageFault

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database
    from hounsfield.storage.operations import Action

LONGEST_NAME = 64
ORIGIN = "command line"
"""Where the event log says that a decision was taken."""

ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who decides, for the job log; without it the user of this system."),
]


def person(given: str | None) -> str:
    """Return a name in printable ASCII, at most :data:`LONGEST_NAME` characters; raise :class:`UsageFault` for none."""
    name = _printable(_user() if given is None else given)
    if not name:
        raise UsageFault("--by names nobody", "give a name in ASCII")
    return name


def write_down(database: "Database", action: "Action", who: str, detail: dict[str, object]) -> None:
    """Write into the event log what ``who`` has done here; no patient data in ``detail``."""
    from hounsfield.storage.operations import Operation

    database.operations.note(Operation(at=database.now(), action=action, person=who, origin=ORIGIN, detail=detail))


def _user() -> str:
    try:
        return getpass.getuser() or _number()
    except (KeyError, OSError):  # no variable says, and the user database does not know the number
        return _number()


def _number() -> str:
    return f"user {os.getuid()}"


def _printable(text: str) -> str:
    kept = "".join(c if c.isascii() and c.isprintable() else " " for c in text)
    return " ".join(kept.split())[:LONGEST_NAME].rstrip()
