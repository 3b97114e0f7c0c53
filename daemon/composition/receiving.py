"""What receives images, and the reports of storage commitment that answer what was delivered."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hounsfield.daemon.composition.delivering import Delivering

if TYPE_CHECKING:
    from hounsfield.daemon.reception.desk import TakeEvent
    from hounsfield.daemon.reception.scp import Receiver, TlsPort


class Receiving(Delivering):
    """The Storage SCP."""

    def receiver(self, beat: Callable[[], None], port: int = 0) -> "Receiver":
        """Build the Storage SCP; it calls ``beat`` as long as it turns. ``port`` replaces the configured one."""
        from hounsfield.daemon.reception.scp import Receiver, Surroundings

        dicom = self.settings.dicom
        return Receiver(
            Surroundings(
                settings=dicom.model_copy(update={"port": port}) if port else dicom,
                peers=self.settings.peer,
                peer_store=self.database.peers,
                spool=self.spool,
                series=self.database.series,
                own_results=self.database.jobs,
                clock=self.clock,
                hasher=self.hasher,
                name=self.process_name,
                tls=self._tls(),
                take_report=self._take_report(),
                beat=beat,
                control=self.database.control,
                lease=self.spool_lease,
            )
        )

    def _take_report(self) -> "TakeEvent | None":
        """None where no destination is asked for storage commitment, and so none reports to us."""
        if not self.settings.awaits_commitment:
            return None
        from hounsfield.daemon.delivery.proof.reports import take_event

        return partial(take_event, take=self.report_desk.take)

    def _tls(self) -> "TlsPort | None":
        settings = self.settings
        if settings.tls.port is None:
            return None
        from hounsfield.daemon.reception.scp import TlsPort
        from hounsfield.daemon.reception.tls import TlsIdentity, handshake_words

        identity = TlsIdentity(settings.tls, self.clock)
        return TlsPort(settings.tls_host, settings.tls.port, identity.context, handshake_words)
