"""From received bytes to a durable, registered instance. Knows nothing of the network library."""

from dataclasses import dataclass
from typing import Protocol

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import DicomSettings
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception.associations import OpenAssociation
from hounsfield.daemon.reception.contexts import CT_CLASSES, role_of
from hounsfield.daemon.reception.dataset_check import DatasetIdentity, identify, usable_uid
from hounsfield.daemon.reception.status import InstanceRefused, Status
from hounsfield.storage.errors import SpoolError, StorageError
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.spool import Provenance, Spool
from hounsfield.storage.states import InstanceRole

log = structlog.get_logger("hounsfield.reception")


class OwnResults(Protocol):
    """What reception asks of the job store."""

    def is_own_result(self, sop_instance_uid: str) -> bool:
        """Whether we made this SOP instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundInstance:
    """A C-STORE request: what its command and its presentation context say, and the bytes of its data set."""

    sop_class_uid: str
    sop_instance_uid: str
    negotiated_class_uid: str
    transfer_syntax: str
    association: OpenAssociation
    data: bytes | memoryview


class InstanceAcceptor:
    """Checks an instance, makes it durable, registers it; only then is it acknowledged."""

    def __init__(
        self,
        *,
        settings: DicomSettings,
        spool: Spool,
        series: SeriesStore,
        own_results: OwnResults,
        clock: Clock,
        hasher: UidHasher,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._series = series
        self._own_results = own_results
        self._clock = clock
        self._hasher = hasher

    def accept_instance(self, inbound: InboundInstance) -> Status:
        """Return what the sender is told. ``STORED`` means: file and directory are fsynced, the row is committed."""
        try:
            self._store(inbound)
        except InstanceRefused as refused:
            return self._refuse(inbound, refused.status)
        except SpoolError as error:
            return self._refuse(inbound, Status.NO_SPACE, str(error))
        except StorageError as error:
            return self._refuse(inbound, Status.DATABASE_DOWN, str(error))
        except Exception:
            log.exception("storing an instance failed", association=inbound.association.id)
            return self._refuse(inbound, Status.INTERNAL)
        inbound.association.stored += 1
        return Status.STORED

    def _store(self, inbound: InboundInstance) -> None:
        self._check_room(inbound)
        identity = self._identity(inbound)
        provenance = self._provenance(inbound, identity)
        inbound.association.register()
        digest = self._spool.write(provenance, inbound.data)
        found = self._series.register(provenance.receipt(digest, len(inbound.data)))
        if identity.has_leading_zeros:
            log.info("a UID has leading zeros; accepted", instance=self._hasher(identity.sop_instance_uid))
        log.debug(
            "stored",
            instance=self._hasher(identity.sop_instance_uid),
            series=self._hasher(identity.series_uid),
            registration=found,
            role=str(provenance.role),
            bytes=len(inbound.data),
        )

    def _check_room(self, inbound: InboundInstance) -> None:
        if len(inbound.data) > self._settings.max_instance_bytes:
            raise InstanceRefused(Status.TOO_LARGE)
        if self._spool.free_bytes() - len(inbound.data) < self._settings.min_free_bytes:
            raise InstanceRefused(Status.NO_SPACE)

    def _identity(self, inbound: InboundInstance) -> DatasetIdentity:
        usable_uid(inbound.sop_class_uid)
        usable_uid(inbound.sop_instance_uid)
        identity = identify(inbound.data, inbound.transfer_syntax)
        if not identity.sop_class_uid == inbound.sop_class_uid == inbound.negotiated_class_uid:
            raise InstanceRefused(Status.CLASS_MISMATCH)
        if identity.sop_instance_uid != inbound.sop_instance_uid:
            raise InstanceRefused(Status.INSTANCE_MISMATCH)
        return identity

    def _provenance(self, inbound: InboundInstance, identity: DatasetIdentity) -> Provenance:
        parties = inbound.association.parties
        return Provenance(
            sop_instance_uid=identity.sop_instance_uid,
            sop_class_uid=identity.sop_class_uid,
            series_uid=identity.series_uid,
            study_uid=identity.study_uid,
            transfer_syntax=inbound.transfer_syntax,
            role=self._role(identity),
            calling_ae=parties.calling_ae,
            called_ae=parties.called_ae,
            peer_address=parties.peer_address,
            association_id=inbound.association.id,
            receiver=inbound.association.receiver,
            received_at=self._clock.now(),
        )

    def _role(self, identity: DatasetIdentity) -> InstanceRole:
        if identity.is_marked_ours:
            return InstanceRole.OWN_RESULT
        # We never make CT images, so the many are spared the question to the database.
        if identity.sop_class_uid not in CT_CLASSES and self._own_results.is_own_result(identity.sop_instance_uid):
            return InstanceRole.OWN_RESULT
        return role_of(identity.sop_class_uid)

    def _refuse(self, inbound: InboundInstance, status: Status, why: str = "") -> Status:
        inbound.association.refused += 1
        log.warning(
            "instance refused",
            status=f"{status.code:04X}",
            reason=why or status.comment,
            instance=self._hasher(inbound.sop_instance_uid),
            calling_ae=inbound.association.parties.calling_ae,
            peer=inbound.association.parties.peer_address,
            bytes=len(inbound.data),
        )
        return status
