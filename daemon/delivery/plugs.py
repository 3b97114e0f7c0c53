"""The plugs of the courier: how objects travel, how it is proven that they are kept, whose patient they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.records import JobRecord, ResultObject


class Transport(Protocol):
    """A way to one destination."""

    def probe(self) -> Failure | None:
        """Ask for a sign of life (C-ECHO); None if there is one."""

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        """Send finished objects byte for byte. Raise DeliveryError if a file cannot be read."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The destination keeps every object."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """No answer so far."""

    ask_again_at: datetime


@dataclass(frozen=True, slots=True)
class Lost:
    """The destination does not have these objects, though it answered success: they are sent again."""

    failures: dict[str, int]
    """SOP Instance UID to Failure Reason (PS3.3 C.14), 0x0112 where the destination just does not find it."""


@dataclass(frozen=True, slots=True)
class Unobtainable:
    """There will be no proof: the destination cannot be asked, or its time is over."""


ProofAnswer = Proven | NotYet | Lost | Unobtainable


class Prover(Protocol):
    """Asks one destination for proof. Called again and again for the same job until it says something final."""

    def prove(self, job: JobRecord, kept: Sequence[ResultObject], now: datetime) -> ProofAnswer:
        """Say whether the destination keeps what it answered success for."""


class PatientCheck(Protocol):
    """Compares the patient of the images with the patient of the study at the destination."""

    def has_changed(self, job: JobRecord, objects: Sequence[ResultObject]) -> bool:
        """Whether the destination files the study under another Patient ID; False where it does not know the study.

        Raise :class:`~hounsfield.daemon.errors.DeliveryError` where it gives no answer: nothing is sent then.
        """
