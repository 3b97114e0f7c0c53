"""Where everything lies: folders, the database, the spool, results, and who this process is."""

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.home import prepare_home
from hounsfield.daemon.kept import kept
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.claim_order import ClaimOrder
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.file_systems import mount_of
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_files import Patience, PatientFiles

if TYPE_CHECKING:
    from hounsfield.daemon.reception.spool_lease import SpoolLease
    from hounsfield.storage.advisory_lock import AdvisoryLock
    from hounsfield.storage.spool_files import SpoolFiles


_WRITTEN_WITHIN = 3600.0
"""Seconds in which a host has written any result that it began, whatever its clock says."""


@dataclass(frozen=True)
class Places:
    """What every process has, built on first use."""

    settings: Settings
    clock: Clock
    may_upgrade: bool = True
    """Whether an embedded database of an older schema is upgraded when it is opened; if not, it is refused."""

    @cached_property
    def home(self) -> Path:
        """``storage.home``, made if it is not there, for its owner only."""
        return prepare_home(self.settings)

    @cached_property
    def shared(self) -> Path:
        """What all hosts share; it is ``storage.home`` where there is only one."""
        prepare_home(self.settings)
        return self.settings.storage.shared_folder

    @cached_property
    def host(self) -> str:
        """What this machine is called; each has a name of its own."""
        return socket.gethostname()

    @cached_property
    def process_name(self) -> str:
        """Fresh for each process: a worker that comes back from the dead is another one."""
        return f"{self.host}-{os.getpid()}-{secrets.token_hex(3)}"

    @cached_property
    def database(self) -> Database:
        """The job database; the embedded one is made if it is not there."""
        queue = self.settings.queue
        order = ClaimOrder(patience=timedelta(minutes=queue.patience_minutes), every=queue.patient_share)
        url = self.settings.storage.resolved_database_url
        return open_database(url, self.home, order, wakes=queue.wakes, may_upgrade=self.may_upgrade)

    def refuse_misfits(self) -> None:
        """Raise ConfigurationError where database, spool and this host do not fit together; StorageError."""
        from hounsfield.daemon.fit import refuse_misfits

        prepare_home(self.settings)
        refuse_misfits(self.settings, self.database, self.host, self.clock)

    @cached_property
    def spool(self) -> Spool:
        """Received files."""
        folder = self.settings.storage.spool_folder
        if self.database.file is not None:
            return Spool(folder)
        from hounsfield.storage.database_lock import DatabaseLock
        from hounsfield.storage.writer_book import SharedBook, this_machine

        writers = SharedBook(
            self.database.spool_writers,
            process=self.process_name,
            machine=this_machine(self.host),
            now=self.clock.now,
            is_judge=lambda: self.spool_lease is not None and self.spool_lease.is_judge,
        )
        return Spool(folder, lock=DatabaseLock(self.settings.storage.resolved_database_url), writers=writers)

    @cached_property
    def spool_lease(self) -> "SpoolLease | None":
        """What says that this process writes to a spool of several hosts; None where there is only one."""
        if self.database.file is not None:
            return None
        from hounsfield.daemon.beats import PATIENCE_SECONDS
        from hounsfield.daemon.reception.spool_lease import SpoolLease
        from hounsfield.storage.spool_writer_store import SqlSpoolWriters

        store = SqlSpoolWriters.open(self.settings.storage.resolved_database_url, PATIENCE_SECONDS)
        return SpoolLease(store, self.process_name, self.clock)

    @cached_property
    def spool_files(self) -> "SpoolFiles":
        """The same, to be read: on a network a file of another host may not be seen at once."""
        return PatientFiles(self.spool, self._patience) if mount_of(self.spool.folder).is_network else self.spool

    @cached_property
    def files(self) -> ResultFiles:
        """Finished result objects; what dead writers left half written is removed."""
        is_one_host = self.settings.storage.database_file is not None
        files = ResultFiles(
            self.shared,
            patience=self._patience if mount_of(self.shared).is_network else None,
            alone=None if is_one_host else self._recall_lock().alone,
        )
        files.prepare(spare_seconds=0.0 if is_one_host else _WRITTEN_WITHIN)
        return files

    def _recall_lock(self) -> "AdvisoryLock":
        from hounsfield.storage.advisory_lock import AdvisoryLock, Words
        from hounsfield.storage.errors import DatabaseUnavailable
        from hounsfield.storage.locks import LockKey

        words = Words(
            error=DatabaseUnavailable,
            busy="somebody else takes results back or has them written anew just now: try again in a moment",
            lost="the database has gone away meanwhile: look whether it is done, and do it again if not",
        )
        return AdvisoryLock(self.settings.storage.resolved_database_url, LockKey.RECALLS, words)

    @cached_property
    def _patience(self) -> Patience:
        return Patience()

    @cached_property
    def hasher(self) -> UidHasher:
        """UIDs as keyed hashes, for logs."""
        return UidHasher.of_home(self.shared)

    @cached_property
    def device_uid(self) -> str:
        """Our Device UID (0018,1002), drawn once and kept."""
        return kept(self.shared / "device_uid", lambda: f"2.25.{secrets.randbits(122)}".encode()).decode().strip()
