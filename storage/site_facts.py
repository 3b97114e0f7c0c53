"""What holds for the site as a whole, whichever host asks: one value a name, kept in the database."""

from datetime import datetime
from typing import Protocol

SPOOL = "spool"
"""The identity of the spool that the rows are about: :mod:`hounsfield.storage.identity`."""
SHARED = "shared"
"""The identity of the folder of results."""


class SiteFacts(Protocol):
    """Every method is one transaction. Raise DatabaseUnavailable."""

    def get(self, name: str) -> str | None:
        """Return the value of a name, None if it has none."""

    def keep(self, name: str, value: str, now: datetime) -> str:
        """Give a name its value unless it has one; return the one that counts, whoever came first."""

    def replace(self, name: str, value: str, now: datetime) -> None:
        """Give a name a value, by a person who knows that the old one is over."""
