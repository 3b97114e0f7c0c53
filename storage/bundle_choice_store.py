"""Chosen bundles on SQL."""

from sqlalchemy import func, select

from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind
from hounsfield.storage.people import person_of
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.states import JobKind, JobState
from hounsfield.storage.tables import bundle_choice as table
from hounsfield.storage.tables import job
from hounsfield.storage.transactions import Transactions

_ENDED = tuple(state for state in JobState if state.is_final)


class SqlBundleChoiceStore:
    """See :class:`~hounsfield.storage.bundle_choice.BundleChoiceStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def choose(self, choice: BundleChoice) -> None:
        """Add a choice."""
        row = {
            "name": choice.name,
            "version": choice.version,
            "sha256": choice.sha256,
            "kind": str(choice.kind),
            "chosen_at": choice.at,
            "person": person_of(choice.person),
        }
        with self._transactions.write() as connection:
            connection.execute(table.insert().values(row))

    def last_id(self) -> int:
        """Return the id of the newest choice."""
        with self._transactions.read() as connection:
            return int(connection.scalar(select(func.max(table.c.id))) or 0)

    def current(self) -> list[BundleChoice]:
        """Return what counts now."""
        newest = select(func.max(table.c.id)).group_by(table.c.name)
        query = select(table).where(table.c.id.in_(newest), table.c.version.is_not(None)).order_by(table.c.name)
        with self._transactions.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def history(self, name: str) -> list[BundleChoice]:
        """Return all choices of a name."""
        with self._transactions.read() as connection:
            rows = connection.execute(select(table).where(table.c.name == name).order_by(table.c.id))
            return [_record(row) for row in rows]

    def unfinished(self, name: str, version: str) -> int:
        """Count the analyses by a version that have not ended."""
        mine = (job.c.kind == JobKind.INFER, job.c.bundle == name, job.c.bundle_version == version)
        query = select(func.count()).select_from(job).where(*mine, job.c.state.not_in(_ENDED))
        with self._transactions.read() as connection:
            return int(connection.scalar(query) or 0)


def _record(row: AnyRow) -> BundleChoice:
    return BundleChoice(
        name=row.name,
        version=row.version,
        sha256=row.sha256,
        kind=ChoiceKind(row.kind),
        at=row.chosen_at,
        person=row.person,
    )
