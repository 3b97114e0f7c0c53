"""What delivers results, proves it, tells of them and takes them back."""

import random
from functools import cached_property
from typing import TYPE_CHECKING

from hounsfield.daemon.composition.basis import Basis, jitter

if TYPE_CHECKING:
    from hounsfield.daemon.config.destinations import Destination
    from hounsfield.daemon.delivery.breaker import Circuit
    from hounsfield.daemon.delivery.outfit import Outfitter
    from hounsfield.daemon.delivery.plugs import Transport
    from hounsfield.daemon.delivery.proof.reports import ReportDesk
    from hounsfield.daemon.delivery.senders import Senders
    from hounsfield.daemon.pipeline.courier import Courier
    from hounsfield.daemon.pipeline.messenger import Messenger
    from hounsfield.daemon.pipeline.recall import Retractor
    from hounsfield.daemon.pipeline.reissue import Reissuer


class Delivering(Basis):
    """Couriers, messengers, and what a person does about results."""

    def couriers(self) -> list["Courier"]:
        """Build one courier per destination."""
        return [self._courier(destination) for destination in self.settings.destination]

    def _courier(self, destination: "Destination") -> "Courier":
        from hounsfield.daemon.pipeline.courier import Courier

        draw = jitter()
        plugs = self._outfitter.plugs_of(destination)
        return Courier(
            name=self.process_name,
            destination=destination,
            transport=plugs.transport,
            prover=plugs.prover,
            patient_check=plugs.patient_check,
            breaker=self._circuit(destination, plugs.transport, draw),
            jobs=self.database.jobs,
            files=self.files,
            keeper=self._keeper(),
            clock=self.clock,
            random_source=draw,
            lines=self.job_lines,
        )

    def _circuit(self, destination: "Destination", transport: "Transport", draw: random.Random) -> "Circuit":
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
            random_source=draw,
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
                keeper=self._keeper(),
                clock=self.clock,
                random_source=jitter(),
                lines=self.job_lines,
            )
            for notifier in self.settings.notify
        ]

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
