"""Who the patient of a study is at a destination, asked for a person who has results written anew."""

from pydicom import Dataset

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import queries_at
from hounsfield.daemon.delivery.patient_check import patient_at
from hounsfield.daemon.delivery.senders import Senders
from hounsfield.daemon.errors import DeliveryError
from hounsfield.storage.records import JobRecord


class PatientLookup:
    """Asks the application entity that answers C-FIND for a destination."""

    def __init__(self, calling_ae: str, senders: Senders, clock: Clock) -> None:
        self._calling_ae = calling_ae
        self._senders = senders
        self._clock = clock

    def __call__(self, destination: Destination, job: JobRecord, study_uid: str) -> Dataset:
        """Return the patient, raw, with the character set; raise :class:`DeliveryError` where none is named."""
        peer = queries_at(destination, self._calling_ae, self._senders)(job)
        if peer is None:
            raise DeliveryError("nobody can be asked for the patient of the study")
        return patient_at(peer, study_uid, self._clock.monotonic)
