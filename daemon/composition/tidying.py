"""What removes what has had its time, and what looks for trouble."""

from typing import TYPE_CHECKING

from hounsfield.daemon.composition.basis import Basis, jitter
from hounsfield.daemon.roles import Role

if TYPE_CHECKING:
    from hounsfield.daemon.alarms.certificates import CertificateNews
    from hounsfield.daemon.alarms.messenger import AlarmMessenger
    from hounsfield.daemon.alarms.probes import Probe
    from hounsfield.daemon.alarms.watch import AlarmWatch
    from hounsfield.daemon.retention.housekeeping import Housekeeping
    from hounsfield.daemon.retention.purger import Purger


class Tidying(Basis):
    """Retention and alarms."""

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
            CertificateProbe(settings.tls, wanted.certificate_days, others),
            SilenceProbe(database.series),
            DriftProbe(database.facts, settings.drift, database.alarms),
        ]

    def certificate_news(self) -> "CertificateNews":
        """Build what a receiver tells of the certificates on its host."""
        from hounsfield.daemon.alarms.certificates import CertificateNews, CertificateProbe

        probe = CertificateProbe(self.settings.tls, self.settings.alarms.certificate_days)
        return CertificateNews(probe, self.clock)

    def alarm_messenger(self) -> "AlarmMessenger | None":
        """Build what tells of alarms; None where nobody is to be told."""
        from hounsfield.daemon.alarms.messenger import AlarmMessenger

        settings = self.settings.alarms
        if settings.webhook is None:
            return None
        return AlarmMessenger(settings, self.database.alarms, self.settings.site.name, self.clock, jitter())
