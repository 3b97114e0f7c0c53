"""What several roles build on: bundles, leases, reports, signs of life, gates and bells."""

import random
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING

from hounsfield.daemon.bells import Bells, OwnLooks
from hounsfield.daemon.children import ChildName
from hounsfield.daemon.clock import since_boot
from hounsfield.daemon.composition.places import Places
from hounsfield.storage.control import Part
from hounsfield.storage.engine import has_database
from hounsfield.storage.states import JobKind

if TYPE_CHECKING:
    from hounsfield.daemon.beats import Beats
    from hounsfield.daemon.bundles.shelf import BundleShelf
    from hounsfield.daemon.gates import Gate
    from hounsfield.daemon.pipeline.job_lines import JobLines
    from hounsfield.daemon.pipeline.leases import LeaseKeeper
    from hounsfield.daemon.pipeline.reporting import Reporter
    from hounsfield.daemon.pipeline.rescuer import Rescuer
    from hounsfield.storage.election import Office
    from hounsfield.storage.locks import LockKey
    from hounsfield.storage.records import Claim


def jitter() -> random.Random:
    """Return what draws by how much a pause differs from those of other processes."""
    return random.Random()  # noqa: S311 - not a secret


class Basis(Places):
    """What several roles need."""

    @cached_property
    def job_lines(self) -> "JobLines":
        """What the log says of jobs."""
        from hounsfield.daemon.pipeline.job_lines import JobLines

        return JobLines(self.database.jobs, self.database.series, self.hasher)

    @cached_property
    def shelf(self) -> "BundleShelf":
        """The bundles in use: configured, and chosen of those that are installed."""
        from hounsfield.daemon.bundles.shelf import BundleShelf

        return BundleShelf(self.settings, self.database.bundle_choices, self.clock)

    @cached_property
    def shelf_of_reader(self) -> "BundleShelf":
        """The same, for commands that make no database where there is none: then nothing was chosen either."""
        from hounsfield.daemon.bundles.shelf import BundleShelf, NothingChosen

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

    def office(self, key: "LockKey") -> "Office":
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
        from hounsfield.storage.turns import Queue
        from hounsfield.storage.wake_up_store import SqlWakeUps

        wake_ups = SqlWakeUps(self.database.transactions)
        queues = [Queue(JobKind.INFER)]
        queues += [Queue(JobKind.DELIVER, destination.name) for destination in self.settings.destination]
        queues += [Queue(JobKind.NOTIFY, notifier.name) for notifier in self.settings.notify]
        return QueueBells(
            name=self.process_name,
            connect=connection_arguments(self.settings.storage.resolved_database_url),
            jobs=self.database.jobs,
            add_missing=lambda: wake_ups.add_missing(queues, self.clock.now()),
        )

    def _keeper(self, overdue: "Callable[[Claim], object]" = lambda _: None) -> "LeaseKeeper":
        """Build what keeps the lease of a job; ``overdue`` is told of one that takes longer than it may."""
        from hounsfield.daemon.pipeline.leases import LeaseKeeper

        return LeaseKeeper(
            self.database.jobs,
            self.clock,
            lease_seconds=self.settings.worker.lease_seconds,
            timeout_seconds=self.settings.worker.job_timeout_seconds,
            overdue=overdue,
        )

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
