"""What receives images, and the reports of storage commitment that answer what was delivered."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hounsfield.daemon.composition.delivering import Delivering

if TYPE_CHECKING:
    from hounsfield.daemon.reception.scp import Receiver, TlsPort


class Receiving(Delivering):
    """The Storage SCP."""

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
            take_report=self.report_desk.take if self.settings.awaits_commitment else None,
            beat=beat,
            control=self.database.control,
            lease=self.spool_lease,
        )

    def _tls(self) -> "TlsPort | None":
        settings = self.settings
        if settings.tls.port is None:
            return None
        from hounsfield.daemon.reception.scp import TlsPort
        from hounsfield.daemon.reception.tls import TlsIdentity, handshake_words

        identity = TlsIdentity(settings.tls, self.clock)
        return TlsPort(settings.tls_host, settings.tls.port, identity.context, handshake_words)
