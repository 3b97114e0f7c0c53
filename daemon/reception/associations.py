"""Associations that are open: who they are, what they stored, and how they end in the database."""

import threading
import uuid
from dataclasses import dataclass

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.reception.admission import Parties
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.spool import Sealed
from hounsfield.storage.states import AssociationEnding


@dataclass(frozen=True, slots=True)
class Claim:
    """What a C-STORE command said, where it had to be mended for the library to read it."""

    sop_class_uid: str
    sop_instance_uid: str


class OpenAssociation:
    """One association. It is recorded before its first instance, and one that stored nothing never is.

    One thread stores while another may already have seen the connection end: both hold the lock, so that the ending is
    recorded behind the last instance.
    """

    def __init__(self, parties: Parties, receiver: str, registrar: Registrar, clock: Clock) -> None:
        self.parties = parties
        self.receiver = receiver
        self.id = uuid.uuid4().hex
        self.opened_at = clock.now()
        self.stored = 0
        self.refused = 0
        self.release_requested = False
        self.claims: dict[int, Claim] = {}
        """By message id, until the message is served; only on the library's own path."""
        self.is_storing = False
        self.is_stopping = False
        """The receiver is stopping: what begins now is refused."""
        self._registrar = registrar
        self._clock = clock
        self._lock = threading.Lock()
        self._ending: AssociationEnding | None = None

    def has_stored(self, sealed: Sealed) -> None:
        """An instance is durable: have it recorded."""
        with self._lock:
            if self.stored == 0:
                self._registrar.opened(
                    AssociationRecord(
                        id=self.id,
                        receiver=self.receiver,
                        calling_ae=self.parties.calling_ae,
                        called_ae=self.parties.called_ae,
                        peer_address=self.parties.peer_address,
                        opened_at=self.opened_at,
                    )
                )
            self.stored += 1
            self._registrar.stored(sealed)
            if self._ending is not None:
                self._registrar.ended(self.id, self._ending, self._clock.now())

    def end(self, ending: AssociationEnding) -> bool:
        """Note how it ended; only the first call counts, and answers True."""
        with self._lock:
            if self._ending is not None:
                return False
            self._ending = ending
            if self.stored:
                self._registrar.ended(self.id, ending, self._clock.now())
        return True
