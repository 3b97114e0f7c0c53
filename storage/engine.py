"""Opening the job database."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hounsfield.storage import queue_schema, schema, wake_ups
from hounsfield.storage.account_store import SqlAccountStore
from hounsfield.storage.accounts import AccountStore
from hounsfield.storage.alarm_store import SqlAlarmStore
from hounsfield.storage.alarms import AlarmStore
from hounsfield.storage.analysis_facts import AnalysisFactStore
from hounsfield.storage.analysis_facts_store import SqlAnalysisFactStore
from hounsfield.storage.bundle_choice import BundleChoiceStore
from hounsfield.storage.bundle_choice_store import SqlBundleChoiceStore
from hounsfield.storage.claim_order import USUAL_ORDER, ClaimOrder
from hounsfield.storage.commitment_store import SqlCommitmentStore
from hounsfield.storage.commitments import CommitmentStore
from hounsfield.storage.component_store import SqlComponentStore
from hounsfield.storage.components import ComponentStore
from hounsfield.storage.control import ControlStore
from hounsfield.storage.control_store import SqlControlStore
from hounsfield.storage.destination_state import DestinationStateStore
from hounsfield.storage.destination_state_store import SqlDestinationStateStore
from hounsfield.storage.doorbell import Doorbell, SqliteDoorbell, Unwired
from hounsfield.storage.errors import StorageError
from hounsfield.storage.feedback import FeedbackStore
from hounsfield.storage.feedback_store import SqlFeedbackStore
from hounsfield.storage.job_store import SqlJobStore
from hounsfield.storage.log_book import LogBook
from hounsfield.storage.log_book_store import SqlLogBook
from hounsfield.storage.operation_log import SqlOperationLog
from hounsfield.storage.operations import OperationLog
from hounsfield.storage.peer_records import PeerStore
from hounsfield.storage.peer_store import SqlPeerStore
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.purge_store import SqlPurgeStore
from hounsfield.storage.purging import PurgeStore
from hounsfield.storage.recall import RecallStore
from hounsfield.storage.recall_store import SqlRecallStore
from hounsfield.storage.schema import backup, check, upgrade
from hounsfield.storage.series_store import SqlSeriesStore
from hounsfield.storage.server_clock import read_clock
from hounsfield.storage.site_fact_store import SqlSiteFacts
from hounsfield.storage.site_facts import SiteFacts
from hounsfield.storage.snapshot_doorbell import SnapshotDoorbell
from hounsfield.storage.spool_writer_store import SqlSpoolWriters
from hounsfield.storage.spool_writers import SpoolWriters
from hounsfield.storage.transactions import ANSWER_SECONDS, Transactions, make_engine, parse_url

__all__ = ["Database", "backup", "check", "default_url", "has_database", "open_database", "upgrade"]


@dataclass(frozen=True, slots=True)
class Database:
    """All stores over one pool of connections. May be used from many threads; not across a fork."""

    series: SeriesStore
    jobs: JobStore
    peers: PeerStore
    commitments: CommitmentStore
    destination_states: DestinationStateStore
    control: ControlStore
    recalls: RecallStore
    feedback: FeedbackStore
    facts: AnalysisFactStore
    bundle_choices: BundleChoiceStore
    components: ComponentStore
    alarms: AlarmStore
    accounts: AccountStore
    operations: OperationLog
    log_book: LogBook
    purges: PurgeStore
    site_facts: SiteFacts
    spool_writers: SpoolWriters
    transactions: Transactions
    file: Path | None
    """Of an embedded database."""

    def doorbell(self) -> Doorbell:
        """Return what notices that others have written, for one thread."""
        return Unwired() if self.file is None else SqliteDoorbell(self.file)

    def watcher(self) -> Doorbell:
        """Return what notices commits of everybody, on a server too; for one thread that only tells others."""
        return SnapshotDoorbell(self.transactions) if self.file is None else SqliteDoorbell(self.file)

    def now(self) -> datetime:
        """Return the time of the database server; of this machine, where the database is embedded."""
        with self.transactions.read() as connection:
            return read_clock(connection).at

    def close(self) -> None:
        """Close all connections."""
        self.transactions.close()


def default_url(home: Path) -> str:
    """Return the URL of the embedded database under ``storage.home``."""
    return f"sqlite:///{home.absolute() / 'hounsfield.db'}"


def has_database(url: str) -> bool:
    """Whether opening this database would make none: a server, or a file that is there."""
    path = schema.sqlite_path(url)
    return path is None or path.exists()


def open_database(
    url: str | None,
    home: Path,
    order: ClaimOrder = USUAL_ORDER,
    *,
    wakes: bool = False,
    may_upgrade: bool = True,
) -> Database:
    """Open the database of ``url``, or the embedded one under ``home`` when it is None or empty.

    Jobs are claimed in ``order``.
    A SQLite file is created, and upgraded where it ``may_upgrade`` (after a backup beside it); any other database must
    be at the needed schema.
    ``wakes``: whether jobs that become due are told to the queue in that database, which must be there then too.
    Raise SchemaError when it is not or is newer, DatabaseUnavailable when it cannot be reached.
    """
    chosen = url or default_url(home)
    path = schema.sqlite_path(chosen)
    if path is not None:
        schema.prepare_sqlite(chosen, path, may_upgrade=may_upgrade)
    engine = make_engine(parse_url(chosen), may_create=False, answer_seconds=ANSWER_SECONDS)
    transactions = Transactions(engine.execution_options(**{wake_ups.OPTION: wakes}))
    try:
        with transactions.read() as connection:
            schema.require_head(connection)
            if wakes:
                queue_schema.require_installed(connection)
    except StorageError:
        transactions.close()
        raise
    return stores_over(transactions, path, order)


def stores_over(transactions: Transactions, file: Path | None, order: ClaimOrder = USUAL_ORDER) -> Database:
    """Return all stores over the connections to a database that is at the needed schema."""
    return Database(
        series=SqlSeriesStore(transactions),
        jobs=SqlJobStore(transactions, order),
        peers=SqlPeerStore(transactions),
        commitments=SqlCommitmentStore(transactions),
        destination_states=SqlDestinationStateStore(transactions),
        control=SqlControlStore(transactions),
        recalls=SqlRecallStore(transactions),
        feedback=SqlFeedbackStore(transactions),
        facts=SqlAnalysisFactStore(transactions),
        bundle_choices=SqlBundleChoiceStore(transactions),
        components=SqlComponentStore(transactions),
        alarms=SqlAlarmStore(transactions),
        accounts=SqlAccountStore(transactions),
        operations=SqlOperationLog(transactions),
        log_book=SqlLogBook(transactions),
        purges=SqlPurgeStore(transactions),
        site_facts=SqlSiteFacts(transactions),
        spool_writers=SqlSpoolWriters(transactions),
        transactions=transactions,
        file=file,
    )
