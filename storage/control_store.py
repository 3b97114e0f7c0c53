"""Pauses on SQL."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from hounsfield.storage.control import LONGEST_NOTE, Part, Pause
from hounsfield.storage.events import append_events
from hounsfield.storage.operation_log import event_of
from hounsfield.storage.operations import Action, Operation
from hounsfield.storage.people import person_of, printable
from hounsfield.storage.statements import insert_unless_there
from hounsfield.storage.tables import pause as table
from hounsfield.storage.transactions import Transactions


class SqlControlStore:
    """See :class:`~hounsfield.storage.control.ControlStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def pause(self, pause: Pause) -> bool:
        """Pause a part; a pause that is there keeps its beginning and may get a new note."""
        told = {"note": printable(pause.note, LONGEST_NOTE), "person": person_of(pause.person)}
        with self._transactions.write() as connection:
            added = insert_unless_there(connection, table, {"name": pause.part, "since": pause.since, **told})
            if not added and told["note"]:
                connection.execute(update(table).where(table.c.name == pause.part).values(**told))
            if added:
                _tell(connection, Action.PAUSED, pause.part, pause.since, pause.person)
            return added

    def resume(self, part: Part, now: datetime, person: str = "") -> bool:
        """Let a part go on."""
        with self._transactions.write() as connection:
            was_paused = connection.execute(delete(table).where(table.c.name == part)).rowcount == 1
            if was_paused:
                _tell(connection, Action.RESUMED, part, now, person)
            return was_paused

    def pauses(self) -> list[Pause]:
        """Return what is paused."""
        with self._transactions.read() as connection:
            rows = {row.name: row for row in connection.execute(select(table))}
        return [
            Pause(part=part, since=rows[part].since, note=rows[part].note, person=rows[part].person)
            for part in Part
            if part in rows
        ]


def _tell(connection: Connection, action: Action, part: Part, at: datetime, person: str) -> None:
    done = Operation(at=at, action=action, person=person, origin="command line", detail={"part": str(part)})
    append_events(connection, [event_of(done)])
