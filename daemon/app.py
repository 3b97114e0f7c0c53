"""The composition root: the only place where the parts of the daemon meet.

Imports stand inside the builders, so that a receiver never pays for highdicom and only a worker for TensorFlow.
"""

import os
import random
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.daemon.bells import Bells, OwnLooks
from hounsfield.daemon.children import ChildName
from hounsfield.daemon.clock import Clock, DatabaseClock, SystemClock, since_boot
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem
from hounsfield.daemon.home import prepare_home
from hounsfield.daemon.kept import kept
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.roles import Role
from hounsfield.storage.claim_order import ClaimOrder
from hounsfield.storage.components import Facts
from hounsfield.storage.control import Part
from hounsfield.storage.engine import Database, has_database, open_database
from hounsfield.storage.file_systems import mount_of
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.server_clock import ServerClock
from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_files import Patience, PatientFiles
from hounsfield.storage.states import JobKind

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hounsfield.daemon.alarms.messenger import AlarmMessenger
    from hounsfield.daemon.alarms.probes import Probe
    from hounsfield.daemon.alarms.watch import AlarmWatch
    from hounsfield.daemon.assembly.assembler import Assembler
    from hounsfield.daemon.assembly.decider import Decider
    from hounsfield.daemon.assembly.describing import Describer
    from hounsfield.daemon.assembly.images import SeriesReader
    from hounsfield.daemon.assembly.on_disk import FilesOnDisk
    from hounsfield.daemon.assembly.rules import RuleBook
    from hounsfield.daemon.assembly.sources import JobLog, Paths, Reader, Studies
    from hounsfield.daemon.beats import Beats
    from hounsfield.daemon.config.destinations import Destination
    from hounsfield.daemon.console.live import Live
    from hounsfield.daemon.delivery.breaker import Circuit
    from hounsfield.daemon.delivery.outfit import Outfitter
    from hounsfield.daemon.delivery.plugs import Transport
    from hounsfield.daemon.delivery.proof.reports import ReportDesk
    from hounsfield.daemon.delivery.senders import Senders
    from hounsfield.daemon.gates import Gate
    from hounsfield.daemon.pipeline.bundles import BundleShelf
    from hounsfield.daemon.pipeline.courier import Courier
    from hounsfield.daemon.pipeline.job_lines import JobLines
    from hounsfield.daemon.pipeline.leases import LeaseKeeper
    from hounsfield.daemon.pipeline.messenger import Messenger
    from hounsfield.daemon.pipeline.recall import Retractor
    from hounsfield.daemon.pipeline.reissue import Reissuer
    from hounsfield.daemon.pipeline.reporting import Reporter
    from hounsfield.daemon.pipeline.rescuer import Rescuer
    from hounsfield.daemon.pipeline.serving import LoadedModels
    from hounsfield.daemon.pipeline.serving_notes import ServingNotes
    from hounsfield.daemon.pipeline.worker import Worker
    from hounsfield.daemon.query.series_counts import SeriesCounts
    from hounsfield.daemon.reception.scp import Receiver, TlsPort
    from hounsfield.daemon.reception.spool_lease import SpoolLease
    from hounsfield.daemon.retention.housekeeping import Housekeeping
    from hounsfield.daemon.retention.purger import Purger
    from hounsfield.storage.election import Office
    from hounsfield.storage.records import Claim
    from hounsfield.storage.spool_files import SpoolFiles

_CLOCK_PATIENCE = 5.0
"""Seconds that the first look at the clock of a database server may take."""
Tell = Callable[[Callable[[], Facts]], object]
"""Takes what is asked for facts about a part, again and again, from another thread."""
_WRITTEN_WITHIN = 3600.0
"""Seconds in which a host has written any result that it began, whatever its clock says."""


@dataclass(frozen=True)
class Application:
    """One process's parts, built on first use."""

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

    def _worker_files(self) -> "SpoolFiles":
        """The same for a worker, which may keep copies on a disk of its own."""
        storage = self.settings.storage
        if storage.cache is None:
            return self.spool_files
        from hounsfield.storage.spool_cache import IN_USE_SECONDS, CachedFiles

        in_use = max(IN_USE_SECONDS, 2 * self.settings.worker.job_timeout_seconds)
        return CachedFiles(self.spool_files, storage.cache, storage.cache_bytes, in_use_seconds=in_use)

    @cached_property
    def files(self) -> ResultFiles:
        """Finished result objects; what dead writers left half written is removed."""
        is_alone = self.settings.storage.database_file is not None
        files = ResultFiles(self.shared, patience=self._patience if mount_of(self.shared).is_network else None)
        files.prepare(spare_seconds=0.0 if is_alone else _WRITTEN_WITHIN)
        return files

    @cached_property
    def _patience(self) -> Patience:
        return Patience()

    @cached_property
    def hasher(self) -> UidHasher:
        """UIDs as keyed hashes, for logs."""
        return UidHasher.of_home(self.shared)

    @cached_property
    def job_lines(self) -> "JobLines":
        """What the log says of jobs."""
        from hounsfield.daemon.pipeline.job_lines import JobLines

        return JobLines(self.database.jobs, self.database.series, self.hasher)

    @cached_property
    def device_uid(self) -> str:
        """Our Device UID (0018,1002), drawn once and kept."""
        return kept(self.shared / "device_uid", lambda: f"2.25.{secrets.randbits(122)}".encode()).decode().strip()

    @cached_property
    def shelf(self) -> "BundleShelf":
        """The bundles in use: configured, and chosen of those that are installed."""
        from hounsfield.daemon.pipeline.bundles import BundleShelf

        return BundleShelf(self.settings, self.database.bundle_choices, self.clock)

    @cached_property
    def shelf_of_reader(self) -> "BundleShelf":
        """The same, for commands that make no database where there is none: then nothing was chosen either."""
        from hounsfield.daemon.pipeline.bundles import BundleShelf, NothingChosen

        if has_database(self.settings.storage.resolved_database_url):
            return self.shelf
        return BundleShelf(self.settings, NothingChosen(), self.clock)

    def beats(self, name: ChildName) -> "Beats":
        """Build what says that this process lives; its connection is its own, and waits for nobody."""
        from hounsfield.daemon.beats import PATIENCE_SECONDS, Beats
        from hounsfield.storage.component_store import SqlComponentStore

        return Beats(
            store=SqlComponentStore.open(self.settings.storage.resolved_database_url, PATIENCE_SECONDS),
            name=str(name),
            role=str(name.role),
            host=self.host,
            version=version("hounsfield"),
            clock=self.clock,
            home=self.home,
        )

    def office(self, key: int) -> "Office":
        """Build what says whether this process does what only one in the service does; for one thread."""
        from hounsfield.storage.election import open_office

        return open_office(self.settings.storage.resolved_database_url, key, since_boot)

    def gate(self, part: Part) -> "Gate":
        """Build what holds back the work of a part that a person paused; one for each thread."""
        from hounsfield.daemon.gates import Gate

        return Gate(self.database.control, part, self.clock)

    def bells(self) -> Bells:
        """Build what the slots of this process wait at."""
        if not self.settings.queue.wakes:
            return OwnLooks(self.database)
        from hounsfield.daemon.queue.bells import QueueBells
        from hounsfield.storage.queue_schema import connection_arguments
        from hounsfield.storage.wake_up_store import Group, SqlWakeUps

        wake_ups = SqlWakeUps(self.database.transactions)
        groups = [Group(JobKind.INFER)]
        groups += [Group(JobKind.DELIVER, destination.name) for destination in self.settings.destination]
        groups += [Group(JobKind.NOTIFY, notifier.name) for notifier in self.settings.notify]
        return QueueBells(
            name=self.process_name,
            connect=connection_arguments(self.settings.storage.resolved_database_url),
            jobs=self.database.jobs,
            add_missing=lambda: wake_ups.add_missing(groups, self.clock.now()),
        )

    def receiver(self, beat: Callable[[], None], port: int = 0) -> "Receiver":
        """Build the Storage SCP; it calls ``beat`` as long as it turns. ``port`` replaces the configured one."""
        from hounsfield.daemon.reception.scp import Receiver

        dicom = self.settings.dicom
        return Receiver(
            settings=dicom.model_copy(update={"port": port}) if port else dicom,
            peers=self.settings.peer,
            peer_store=self.database.peers,
            spool=self.spool,
            series=self.database.series,
            jobs=self.database.jobs,
            clock=self.clock,
            hasher=self.hasher,
            name=self.process_name,
            tls=self._tls(),
            take_report=self.report_desk.take if self._is_committed_to() else None,
            beat=beat,
            control=self.database.control,
            lease=self.spool_lease,
        )

    def _is_committed_to(self) -> bool:
        """Whether a destination is asked for storage commitment, and so reports to us."""
        return any(destination.proof == "commitment" for destination in self.settings.destination)

    def _tls(self) -> "TlsPort | None":
        settings = self.settings
        if settings.tls.port is None:
            return None
        from hounsfield.daemon.reception.scp import TlsPort
        from hounsfield.daemon.reception.tls import TlsIdentity, handshake_words

        identity = TlsIdentity(settings.tls, self.clock)
        return TlsPort(settings.tls_host, settings.tls.port, identity.context, handshake_words)

    def assembler(self) -> "Assembler":
        """Build the assembler."""
        from hounsfield.daemon.assembly.assembler import Assembler
        from hounsfield.daemon.feedback.collector import FeedbackCollector
        from hounsfield.daemon.feedback.opinions import Opinions

        assembly, book = self.settings.assembly, self.rule_book
        reader = self.series_reader()
        return Assembler(
            series=self.database.series,
            reader=reader,
            decider=self.decider(reader, self.series_counts),
            feedback=FeedbackCollector(self.database.feedback, Opinions(self.settings.feedback)),
            earliest=book.fastest_quiet(assembly),
            max_age=min(
                [assembly.max_age_seconds, *(rule.max_age_seconds or assembly.max_age_seconds for rule in book.rules)]
            ),
            hasher=self.hasher,
            clock=self.clock,
        )

    @cached_property
    def rule_book(self) -> "RuleBook":
        """The rules of the site."""
        from hounsfield.daemon.assembly.rules import RuleBook

        return RuleBook(self.settings.rule)

    def series_reader(self) -> "SeriesReader":
        """Build what reads the headers of received series."""
        from hounsfield.daemon.assembly.images import SeriesReader
        from hounsfield.daemon.assembly.own_results import OwnResultFinder
        from hounsfield.daemon.feedback.documents import DocumentReader

        own_results = OwnResultFinder(DocumentReader(self.spool_files, self.device_uid), self.database.feedback)
        return SeriesReader(self.database.series, self.spool_files, own_results, sorted(self.rule_book.keywords))

    def decider(self, reader: "SeriesReader", counts: "SeriesCounts") -> "Decider":
        """Build what decides on series; it changes nothing."""
        return self._decider(self.database.series, self.database.jobs, reader, counts, self.spool_files, self.shelf)

    def decider_on_disk(self, files: "FilesOnDisk") -> "Decider":
        """Build what decides on files that nobody sent; no PACS is asked, the database only about bundles."""
        from hounsfield.daemon.query.series_counts import NoCounts

        return self._decider(files, files, files, NoCounts(), files, self.shelf_of_reader)

    def _decider(
        self,
        series: "Studies",
        jobs: "JobLog",
        reader: "Reader",
        counts: "SeriesCounts",
        spool: "Paths",
        shelf: "BundleShelf",
    ) -> "Decider":
        from hounsfield.daemon.assembly.candidates import Examiner
        from hounsfield.daemon.assembly.decider import Decider
        from hounsfield.daemon.assembly.identities import IsolatedIdentityReader

        identities = IsolatedIdentityReader(
            seconds=self.settings.worker.decode_timeout_seconds,
            memory_mb=self.settings.worker.decode_memory_bytes // 2**20,
        )
        return Decider(
            series=series,
            jobs=jobs,
            reader=reader,
            book=self.rule_book,
            examiner=Examiner(shelf, identities),
            counts=counts,
            identities=identities,
            spool=spool,
            settings=self.settings.assembly,
            max_attempts=self.settings.worker.max_attempts,
        )

    @cached_property
    def series_counts(self) -> "SeriesCounts":
        """What asks the PACS how many images a series has."""
        from hounsfield.daemon.query.series_counts import open_counts

        return open_counts(self.settings, self.clock, self.hasher)

    def retention(self) -> "Housekeeping":
        """Build what removes series that no rule takes, and what has had its time."""
        from hounsfield.daemon.retention.housekeeping import Housekeeping
        from hounsfield.daemon.retention.unmatched import Unmatched

        unmatched = Unmatched(
            series=self.database.series,
            spool=self.spool,
            keep_days=self.settings.assembly.keep_unmatched_days,
            clock=self.clock,
        )
        return Housekeeping(
            unmatched=unmatched,
            purger=self.purger(),
            files=self.files,
            operations=self.database.operations,
            enabled=self.settings.retention.enabled,
            clock=self.clock,
        )

    def describer(self) -> "Describer":
        """Build what gives series the keyed hashes that people find them by."""
        from hounsfield.daemon.assembly.describing import Describer

        return Describer(book=self.database.log_book, spool=self.spool_files, hasher=self.hasher, clock=self.clock)

    def purger(self) -> "Purger":
        """Build what removes images, results and rows of the job log that have had their time."""
        from hounsfield.daemon.retention.archive import JobArchive
        from hounsfield.daemon.retention.policy import Policy
        from hounsfield.daemon.retention.purger import Purger, Stores

        stores = Stores(
            purges=self.database.purges,
            series=self.database.series,
            jobs=self.database.jobs,
            spool=self.spool,
            files=self.files,
            previews=self.shared / "previews",
            archive=JobArchive(self.shared / "archive", self.hasher),
        )
        return Purger(stores, Policy.of(self.settings), self.settings.retention.free_percent, self.clock)

    def alarm_watch(self) -> "AlarmWatch":
        """Build what looks for everything that can be wrong."""
        from hounsfield.daemon.alarms.watch import AlarmWatch

        database = self.database
        return AlarmWatch(self._probes(), database.alarms, database.operations, self.clock, self.process_name)

    def _probes(self) -> "list[Probe]":
        from hounsfield.daemon.alarms.certificates import CertificateProbe
        from hounsfield.daemon.alarms.components import ComponentProbe
        from hounsfield.daemon.alarms.destinations import DestinationProbe
        from hounsfield.daemon.alarms.disk import DiskProbe
        from hounsfield.daemon.alarms.drifting import DriftProbe
        from hounsfield.daemon.alarms.models import ModelProbe
        from hounsfield.daemon.alarms.others import others_of
        from hounsfield.daemon.alarms.queues import DeadLetterProbe, HeldProbe, QueueProbe
        from hounsfield.daemon.alarms.silence import SilenceProbe
        from hounsfield.daemon.pipeline.serving_notes import ServingNotes

        database, settings, wanted = self.database, self.settings, self.settings.alarms
        folders = {"spool": settings.storage.spool_folder, "home": self.home}
        others = others_of(database.components, self.host)
        numbers = {str(Role.RECEIVER): settings.dicom.receivers}
        return [
            ComponentProbe(database.components, wanted.component_seconds, numbers),
            DestinationProbe(database.destination_states, [one.name for one in settings.destination]),
            QueueProbe(database.log_book, wanted.queue_seconds),
            HeldProbe(database.log_book),
            DeadLetterProbe(database.log_book, database.alarms),
            ModelProbe(self.shelf, ServingNotes(self.home), database.log_book, others),
            DiskProbe(folders, wanted.disk_percent, others),
            CertificateProbe(settings.tls, wanted.certificate_days),
            SilenceProbe(database.series),
            DriftProbe(database.facts, settings.drift, database.alarms),
        ]

    def alarm_messenger(self) -> "AlarmMessenger | None":
        """Build what tells of alarms; None where nobody is to be told."""
        from hounsfield.daemon.alarms.messenger import AlarmMessenger

        settings = self.settings.alarms
        if settings.webhook is None:
            return None
        jitter = random.Random()  # noqa: S311 - not a secret
        return AlarmMessenger(settings, self.database.alarms, self.settings.site.name, self.clock, jitter)

    def reporter(self) -> "Reporter":
        """Build what writes result objects."""
        from hounsfield.daemon.pipeline.reporting import Reporter

        return Reporter(
            settings=self.settings,
            jobs=self.database.jobs,
            files=self.files,
            previews=self.shared / "previews",
            device_uid=self.device_uid,
            clock=self.clock,
        )

    def rescuer(self) -> "Rescuer":
        """Build what brings lost jobs back."""
        from hounsfield.daemon.pipeline.rescuer import Rescuer

        return Rescuer(
            settings=self.settings,
            series=self.database.series,
            jobs=self.database.jobs,
            spool=self.spool_files,
            reporter=self.reporter(),
            shelf=self.shelf,
            clock=self.clock,
            lines=self.job_lines,
        )

    def retractor(self) -> "Retractor":
        """Build what takes results back."""
        from hounsfield.daemon.pipeline.correction import CorrectionReporter
        from hounsfield.daemon.pipeline.recall import Retractor

        database = self.database
        corrections = CorrectionReporter(
            series=database.series, spool=self.spool_files, reporter=self.reporter(), shelf=self.shelf
        )
        return Retractor(
            settings=self.settings,
            jobs=database.jobs,
            recalls=database.recalls,
            files=self.files,
            corrections=corrections,
            clock=self.clock,
        )

    def reissuer(self) -> "Reissuer":
        """Build what writes held results anew for the patient that their destination names."""
        from hounsfield.daemon.delivery.patient_lookup import PatientLookup
        from hounsfield.daemon.pipeline.reissue import Reissuer

        return Reissuer(
            destinations=self.settings.destination,
            jobs=self.database.jobs,
            recalls=self.database.recalls,
            files=self.files,
            patient_of=PatientLookup(self.settings.dicom.ae_title, self._senders, self.clock),
            clock=self.clock,
        )

    def _keeper(self, timeout_seconds: float, overdue: "Callable[[Claim], object]") -> "LeaseKeeper":
        from hounsfield.daemon.pipeline.leases import LeaseKeeper

        return LeaseKeeper(
            self.database.jobs,
            self.clock,
            lease_seconds=self.settings.worker.lease_seconds,
            timeout_seconds=timeout_seconds,
            overdue=overdue,
        )

    def worker(self, tell: Tell = lambda _: None) -> "Worker":
        """Build the worker: loads, self-tests and warms the bundles of new jobs (takes seconds).

        ``tell`` is given what says how they fare. Raises ConfigurationError for a device that is not there.
        """
        from hounsfield.daemon.pipeline.infer_stage import InferStage
        from hounsfield.daemon.pipeline.serving_notes import ServingNotes
        from hounsfield.daemon.pipeline.worker import HungJobs, Worker

        jobs, rescuer, notes = self.database.jobs, self.rescuer(), ServingNotes(self.home)
        stage = InferStage(
            settings=self.settings,
            series=self.database.series,
            jobs=jobs,
            spool=self._worker_files(),
            reporter=self.reporter(),
            clock=self.clock,
        )
        stage.warm_up()
        return Worker(
            name=self.process_name,
            jobs=jobs,
            stage=stage,
            rescuer=rescuer,
            keeper=self._keeper(self.settings.worker.job_timeout_seconds, HungJobs(rescuer).end),
            clock=self.clock,
            models=self._models(notes, tell),
            notes=notes,
            lines=self.job_lines,
        )

    def _models(self, notes: "ServingNotes", tell: Tell) -> "LoadedModels":
        from hounsfield.daemon.pipeline.serving import LoadedModels, Loader, usable_device
        from hounsfield.model.errors import DeviceError
        from hounsfield.model.runtime import import_quietly

        import_quietly()  # our own log has another descriptor: `hounsfield.daemon.logs`
        worker = self.settings.worker
        device = usable_device(worker.device, is_lost=notes.is_device_lost(self.clock.now()))
        models = LoadedModels(
            shelf=self.shelf,
            load=Loader(worker.model_copy(update={"device": device}), self.home / "tuning.json"),
            notes=notes,
            batch=worker.batch,
            most=worker.bundles_loaded,
            clock=self.clock,
            patience_seconds=worker.job_timeout_seconds,
        )
        tell(models.facts)
        try:
            models.prepare()
        except DeviceError as error:
            key = "worker.device"
            problem = ConfigurationProblem(
                source=self.settings.origin.name(key),
                key=key,
                wrong=str(error),
                allowed='"auto" takes what is there, in the end the CPU',
            )
            raise ConfigurationError((problem,)) from error
        return models

    def couriers(self) -> list["Courier"]:
        """Build one courier per destination."""
        return [self._courier(destination) for destination in self.settings.destination]

    def _courier(self, destination: "Destination") -> "Courier":
        from hounsfield.daemon.pipeline.courier import Courier

        jitter = random.Random()  # noqa: S311 - not a secret
        plugs = self._outfitter.plugs_of(destination)
        return Courier(
            name=self.process_name,
            destination=destination,
            transport=plugs.transport,
            prover=plugs.prover,
            patient_check=plugs.patient_check,
            breaker=self._circuit(destination, plugs.transport, jitter),
            jobs=self.database.jobs,
            files=self.files,
            keeper=self._keeper(self.settings.worker.job_timeout_seconds, lambda _: None),
            clock=self.clock,
            random_source=jitter,
            lines=self.job_lines,
        )

    def _circuit(self, destination: "Destination", transport: "Transport", jitter: random.Random) -> "Circuit":
        from hounsfield.daemon.delivery.breaker import Breaker, SteadyCircuit

        if destination.kind == "sender":
            return SteadyCircuit()
        return Breaker(
            name=destination.name,
            probe=transport.probe,
            probe_seconds=destination.probe_seconds,
            states=self.database.destination_states,
            jobs=self.database.jobs,
            clock=self.clock,
            random_source=jitter,
        )

    @cached_property
    def _outfitter(self) -> "Outfitter":
        from hounsfield.daemon.delivery.dicom_transport import DicomTransport
        from hounsfield.daemon.delivery.outfit import Outfitter

        return Outfitter(
            calling_ae=self.settings.dicom.ae_title,
            jobs=self.database.jobs,
            files=self.files,
            commitments=self.database.commitments,
            desk=self.report_desk,
            senders=self._senders,
            clock=self.clock,
            dicom=lambda address: DicomTransport(address, self.database.jobs, self.files),
        )

    @cached_property
    def _senders(self) -> "Senders":
        from hounsfield.daemon.delivery.senders import Senders
        from hounsfield.daemon.reception.known_peers import KnownPeers

        return Senders(self.database.series, KnownPeers(self.settings.peer, self.clock))

    @cached_property
    def report_desk(self) -> "ReportDesk":
        """What takes in the reports of storage commitment."""
        from hounsfield.daemon.delivery.proof.reports import ReportDesk

        return ReportDesk(self.database.commitments, self.clock)

    def console(self) -> "tuple[FastAPI, Live]":
        """Build the web pages, and what tells them of changes."""
        from importlib.metadata import version

        from hounsfield.daemon.console.app import make_app
        from hounsfield.daemon.console.live import Live
        from hounsfield.daemon.console.parts import ConsoleParts

        live = Live(self.database.watcher())
        parts = ConsoleParts(
            settings=self.settings,
            database=self.database,
            files=self.files,
            home=self.home,
            hasher=self.hasher,
            clock=self.clock,
            version=version("hounsfield"),
            host=self.host,
        )
        return make_app(parts, live), live

    def messengers(self) -> list["Messenger"]:
        """Build one messenger per [[notify]]."""
        from hounsfield.daemon.notifications.senders import sender_of
        from hounsfield.daemon.pipeline.messenger import Messenger

        return [
            Messenger(
                name=self.process_name,
                notifier=notifier,
                sender=sender_of(notifier, self.settings.site.name, self.clock),
                jobs=self.database.jobs,
                files=self.files,
                keeper=self._keeper(self.settings.worker.job_timeout_seconds, lambda _: None),
                clock=self.clock,
                random_source=random.Random(),  # noqa: S311 - jitter, not a secret
                lines=self.job_lines,
            )
            for notifier in self.settings.notify
        ]


def clock_of(settings: Settings) -> Clock:
    """Return this machine's clocks; where hosts share a database server, its clock, which they agree on.

    Nothing is opened before the time is asked for.
    """
    url = settings.storage.resolved_database_url
    return SystemClock() if url.startswith("sqlite") else DatabaseClock(ServerClock(url, _CLOCK_PATIENCE).read)


def build(settings: Settings, *, may_upgrade: bool = False) -> Application:
    """Return the application on the clocks that its settings call for.

    The service ``may_upgrade`` its database when it starts; a command must not do so under a service that runs.
    """
    return Application(settings, clock_of(settings), may_upgrade)
