"""Operations on SQL."""

from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.operations import Operation
from hounsfield.storage.people import by_person
from hounsfield.storage.states import Stage
from hounsfield.storage.transactions import Transactions


class SqlOperationLog:
    """See :class:`~hounsfield.storage.operations.OperationLog`. May raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def note(self, operation: Operation) -> None:
        """Append the event."""
        with self._transactions.write() as connection:
            append_events(connection, [event_of(operation)])


def event_of(operation: Operation) -> NewEvent:
    """Return the event that tells of an operation."""
    origin = {"origin": operation.origin} if operation.origin else {}
    return NewEvent(
        at=operation.at,
        series_id=None,
        stage=Stage.OPERATE,
        from_state=None,
        to_state=operation.action,
        detail={**operation.detail, **by_person(operation.person), **origin},
    )
