"""From received bytes to a durable instance. Knows nothing of the network library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.reception import DicomSettings
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception.associations import OpenAssociation
from hounsfield.daemon.reception.contexts import CT_CLASSES, NOT_STORAGE, role_of
from hounsfield.daemon.reception.dataset_check import DatasetIdentity, identify, usable_uid
from hounsfield.daemon.reception.intake_gate import IntakeGate
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.daemon.reception.spool_lease import Lease, Unlimited
from hounsfield.daemon.reception.status import InstanceRefused, Status
from hounsfield.daemon.reception.tally import ReceptionTally
from hounsfield.storage.durable import Buffer
from hounsfield.storage.errors import SpoolError, StorageError
from hounsfield.storage.spool import Intake, Provenance, Slot, Spool
from hounsfield.storage.states import InstanceRole

log = structlog.get_logger("hounsfield.reception")

_ROOM_EVERY_BYTES = 16 * 1024 * 1024
"""How often the free space is asked again while one large instance comes."""


class OwnResults(Protocol):
    """What reception asks of the job store."""

    def is_own_result(self, sop_instance_uid: str) -> bool:
        """Whether we made this SOP instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """What the command of a C-STORE and its presentation context say."""

    sop_class_uid: str
    sop_instance_uid: str
    negotiated_class_uid: str
    transfer_syntax: str
    association: OpenAssociation


class InstanceAcceptor:
    """Receives instances: refuses early what it can, checks, makes durable; only then is one acknowledged."""

    def __init__(
        self,
        *,
        settings: DicomSettings,
        spool: Spool,
        intake: Intake,
        registrar: Registrar,
        own_results: OwnResults,
        clock: Clock,
        hasher: UidHasher,
        gate: IntakeGate,
        tally: ReceptionTally,
        lease: Lease | None = None,
    ) -> None:
        self._settings = settings
        self._lease = lease or Unlimited()
        self._spool = spool
        self._intake = intake
        self._registrar = registrar
        self._own_results = own_results
        self._clock = clock
        self._hasher = hasher
        self._gate = gate
        self._tally = tally

    def begin(self, request: StoreRequest) -> "InstanceArrival":
        """Begin to receive an instance; one that is refused already is read to its end all the same."""
        request.association.is_storing = True
        return InstanceArrival(self, request)

    def open_slot(self, request: StoreRequest) -> Slot:
        """Return where the bytes go. Raise :class:`InstanceRefused` or SpoolError before any of them is read."""
        if request.association.is_stopping:
            raise InstanceRefused(Status.STOPPING)
        usable_uid(request.sop_class_uid)
        usable_uid(request.sop_instance_uid)
        if request.sop_class_uid != request.negotiated_class_uid or request.sop_class_uid in NOT_STORAGE:
            raise InstanceRefused(Status.CLASS_MISMATCH)
        self.check_ready()
        return self._intake.begin(request.transfer_syntax)

    def check_ready(self) -> None:
        """Raise :class:`InstanceRefused` or SpoolError when no image could be accepted now, whatever it is."""
        if self._gate.is_shut:
            raise InstanceRefused(Status.PAUSED)
        if not (self._registrar.is_keeping_up and self._lease.is_held):
            raise InstanceRefused(Status.DATABASE_DOWN)
        self.check_room()

    def check_room(self) -> None:
        """Raise :class:`InstanceRefused` when the spool's disk is too full, SpoolError when it cannot be asked."""
        space = self._spool.space()
        least = max(self._settings.min_free_bytes, space.total * self._settings.min_free_percent / 100)
        if space.free < least:
            raise InstanceRefused(Status.NO_SPACE)

    def check_size(self, size: int) -> None:
        """Raise :class:`InstanceRefused` for a data set that is too large."""
        if size > self._settings.max_instance_bytes:
            raise InstanceRefused(Status.TOO_LARGE)

    def keep(self, request: StoreRequest, slot: Slot) -> None:
        """Make a complete instance durable and pass it on. Raise :class:`InstanceRefused` or StorageError."""
        with slot.dataset() as data:
            identity = self._identity(request, data)
        provenance = self._provenance(request, identity)
        sealed = slot.seal(provenance)
        if not self._lease.is_held:  # asked now: other hosts may have looked into our folder before this one was whole
            self._intake.withdraw(sealed)
            raise InstanceRefused(Status.DATABASE_DOWN)
        request.association.has_stored(sealed)
        if identity.has_leading_zeros:
            instance, association = self._hasher(identity.sop_instance_uid), request.association.id
            log.info("a UID has leading zeros; accepted", instance=instance, association=association)

    def _identity(self, request: StoreRequest, data: memoryview) -> DatasetIdentity:
        identity = identify(data, request.transfer_syntax)
        if identity.sop_class_uid != request.sop_class_uid:
            raise InstanceRefused(Status.CLASS_MISMATCH)
        if identity.sop_instance_uid != request.sop_instance_uid:
            raise InstanceRefused(Status.INSTANCE_MISMATCH)
        return identity

    def _provenance(self, request: StoreRequest, identity: DatasetIdentity) -> Provenance:
        association = request.association
        return Provenance(
            sop_instance_uid=identity.sop_instance_uid,
            sop_class_uid=identity.sop_class_uid,
            series_uid=identity.series_uid,
            study_uid=identity.study_uid,
            transfer_syntax=request.transfer_syntax,
            role=self._role(identity),
            calling_ae=association.parties.calling_ae,
            called_ae=association.parties.called_ae,
            peer_address=association.parties.peer_address,
            association_id=association.id,
            receiver=association.receiver,
            received_at=self._clock.now(),
        )

    def _role(self, identity: DatasetIdentity) -> InstanceRole:
        if identity.is_marked_ours:
            return InstanceRole.OWN_RESULT
        # We never make CT images, so the many are spared the question to the database.
        if identity.sop_class_uid not in CT_CLASSES and self._own_results.is_own_result(identity.sop_instance_uid):
            return InstanceRole.OWN_RESULT
        return role_of(identity.sop_class_uid)

    def count(self, request: StoreRequest, status: Status, size: int) -> None:
        """Count what a sender is told."""
        self._tally.answered(status, request.association.parties.calling_ae, size)

    def report(self, request: StoreRequest, status: Status, why: str, size: int) -> None:
        """Log that an instance was refused."""
        log.warning(
            "instance refused",
            association=request.association.id,
            status=f"{status.code:04X}",
            reason=why or status.comment,
            instance=self._hasher(request.sop_instance_uid),
            calling_ae=request.association.parties.calling_ae,
            peer=request.association.parties.peer_address,
            bytes=size,
        )


class InstanceArrival:
    """One instance on its way in (an :class:`~hounsfield.daemon.reception.messages.Arrival`); used by one thread.

    Nothing is raised: whatever goes wrong becomes the status, and the rest of the data set is read and dropped.
    """

    def __init__(self, acceptor: InstanceAcceptor, request: StoreRequest) -> None:
        self._acceptor = acceptor
        self._request = request
        self._slot: Slot | None = None
        self._refusal: Status | None = None
        self._why = ""
        self._size = 0
        self._room_at = _ROOM_EVERY_BYTES
        with _Refusing(self):
            self._slot = acceptor.open_slot(request)

    def write(self, pieces: Sequence[Buffer]) -> None:
        """Take the next bytes of the data set."""
        self._size += sum(map(len, pieces))
        if self._slot is None:
            return
        with _Refusing(self):
            self._acceptor.check_size(self._size)
            if self._size >= self._room_at:
                self._room_at = self._size + _ROOM_EVERY_BYTES
                self._acceptor.check_room()
            self._slot.write(pieces)

    def finish(self) -> Status:
        """Return what the sender is told; ``STORED`` means that the instance survives a power loss."""
        association = self._request.association
        if self._slot is not None:
            with _Refusing(self):
                self._acceptor.keep(self._request, self._slot)
                self._slot = None
        association.is_storing = False
        self._acceptor.count(self._request, self._refusal or Status.STORED, self._size)
        if self._refusal is None:
            return Status.STORED
        association.refused += 1
        self._acceptor.report(self._request, self._refusal, self._why, self._size)
        return self._refusal

    def abandon(self) -> None:
        """The rest will not come: leave nothing behind."""
        self._drop()
        self._request.association.is_storing = False

    def refuse(self, status: Status, why: str = "") -> None:
        """Note what the sender will be told, and drop what has come; the first refusal counts."""
        self._refusal = self._refusal or status
        self._why = self._why or why
        self._drop()

    def _drop(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.abandon()


class _Refusing:
    """Turns what may go wrong inside the block into the arrival's refusal."""

    def __init__(self, arrival: InstanceArrival) -> None:
        self._arrival = arrival

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        match error:
            case None:
                return False
            case InstanceRefused():
                self._arrival.refuse(error.status)
            case SpoolError():
                self._arrival.refuse(Status.NO_SPACE, str(error))
            case StorageError():
                self._arrival.refuse(Status.DATABASE_DOWN, str(error))
            case Exception():
                log.error("storing an instance failed", exc_info=error)
                self._arrival.refuse(Status.INTERNAL)
            case _:
                return False
        return True
