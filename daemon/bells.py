"""What the slots of a process wait at when nothing is due."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from hounsfield.storage.doorbell import Doorbell
from hounsfield.storage.engine import Database
from hounsfield.storage.states import JobKind


class Bells(Protocol):
    """Gives a doorbell to each slot, and rings them."""

    def of(self, kind: JobKind, destination: str | None = None) -> Doorbell:
        """Return the bell of the slot for jobs of a kind, and to a destination where they have one; before ringing."""

    def ringing(self) -> AbstractContextManager[None]:
        """Ring while the block runs; at its end the slots have ended."""


class OwnLooks:
    """Every slot looks into the database by itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, _kind: JobKind, _destination: str | None = None) -> Doorbell:
        """Return what notices commits as far as the database tells of them."""
        return self._database.doorbell()

    def ringing(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()
