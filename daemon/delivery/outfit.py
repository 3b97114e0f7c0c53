"""Which transport, prover and patient check the configuration asks for at a destination."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import address_of, queries_at, stores_at
from hounsfield.daemon.delivery.folder_transport import FolderTransport
from hounsfield.daemon.delivery.patient_check import StudyPatientCheck
from hounsfield.daemon.delivery.plugs import PatientCheck, Prover, Transport
from hounsfield.daemon.delivery.proof.provers import CommitmentProver, FindProver
from hounsfield.daemon.delivery.proof.reports import ReportDesk
from hounsfield.daemon.delivery.sender_transport import SenderTransport
from hounsfield.daemon.delivery.senders import Senders
from hounsfield.storage.commitments import CommitmentStore
from hounsfield.storage.ports import JobStore
from hounsfield.storage.results import ResultFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugs:
    """What a courier serves one destination with."""

    transport: Transport
    prover: Prover | None
    patient_check: PatientCheck | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfitter:
    """Chooses; what it chooses from is built elsewhere."""

    calling_ae: str
    """AE title we call ourselves where a destination asks for no other."""
    jobs: JobStore
    files: ResultFiles
    commitments: CommitmentStore
    desk: ReportDesk
    senders: Senders
    clock: Clock
    dicom: Callable[[Address], Transport]
    """Returns the transport to a Storage SCP."""

    def plugs_of(self, destination: Destination) -> Plugs:
        """Return the plugs of a destination. A folder is its own proof, and has no patients to compare."""
        if destination.kind == "folder":
            assert destination.folder is not None  # validated with the configuration
            folder = FolderTransport(destination.folder, self.jobs, self.files)
            return Plugs(transport=folder, prover=None if destination.proof == "none" else folder, patient_check=None)
        return Plugs(
            transport=self._transport(destination),
            prover=self._prover(destination),
            patient_check=self._patient_check(destination),
        )

    def _transport(self, destination: Destination) -> Transport:
        if destination.kind == "sender":
            return SenderTransport(stores_at(destination, self.calling_ae, self.senders), self.dicom)
        return self.dicom(address_of(destination, self.calling_ae))

    def _prover(self, destination: Destination) -> Prover | None:
        match destination.proof:
            case "none":
                return None
            case "commitment":
                return CommitmentProver(
                    address_of=stores_at(destination, self.calling_ae, self.senders),
                    commitments=self.commitments,
                    desk=self.desk,
                    jobs=self.jobs,
                    clock=self.clock,
                    proof_hours=destination.proof_hours,
                )
            case "find":
                return FindProver(
                    peer_of=queries_at(destination, self.calling_ae, self.senders),
                    files=self.files,
                    jobs=self.jobs,
                    clock=self.clock,
                    proof_hours=destination.proof_hours,
                )
            case _:
                assert_never(destination.proof)

    def _patient_check(self, destination: Destination) -> PatientCheck | None:
        if not destination.check_patient:
            return None
        return StudyPatientCheck(
            peer_of=queries_at(destination, self.calling_ae, self.senders), files=self.files, clock=self.clock
        )
