"""Conformance statements of a configuration, and their tables as facts to compare with what peers see."""

from functools import cache
from typing import Any

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.reception import DicomSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance import network
from hounsfield.daemon.conformance.document import Document, Section
from hounsfield.daemon.conformance.network import ACCEPTED, CHOICES, general, specifications
from hounsfield.daemon.conformance.security import security
from hounsfield.daemon.conformance.statuses import status_codes

EVERYTHING: dict[str, Any] = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}


@cache
def network_part(accept: str = "ct+companions", proof: str = "none") -> Document:
    """Return what a statement says of the network, under a configuration with one destination that gets everything."""
    destination = Destination(**EVERYTHING, results=("sr", "sc", "ko", "pr"), proof=proof)
    settings = Settings(dicom=DicomSettings(accept=accept), destination=(destination,))
    parts: tuple[Section, ...] = (general(settings), specifications(settings), status_codes(), security(settings))
    return Document(title="Network", cover=(), sections=parts)


def accepted(document: Document) -> dict[str, list[str]]:
    """Return the transfer syntaxes that a statement accepts, by abstract syntax, in the order of preference."""
    choices = document.table(CHOICES)
    sets: dict[str, list[str]] = {}
    for name, uid in zip(choices.column("set"), choices.column("UID"), strict=True):
        sets.setdefault(name, []).append(uid)
    table = document.table(ACCEPTED)
    return {uid: sets[name] for uid, name in zip(table.column("UID"), table.column("transfer syntaxes"), strict=True)}


def proposed(document: Document, caption: str) -> set[tuple[str, str]]:
    """Return abstract and transfer syntaxes that a statement proposes in one activity."""
    table = document.table(caption)
    return {
        (uid, syntax)
        for uid, syntaxes in zip(table.column("UID"), table.column("their UIDs"), strict=True)
        for syntax in syntaxes.split(", ")
    }


def parameter(document: Document, name: str) -> str:
    """Return a value of the table of general association parameters."""
    table = document.table("Associations")
    return dict(zip(table.column("what"), table.column("value"), strict=True))[name]


def stated_statuses(document: Document, caption: str) -> list[str]:
    """Return the statuses of a table, as their hexadecimal digits."""
    return document.table(caption).column("status")


PROPOSALS = {
    "send": network.SENT,
    "echo": network.PROBED,
    "commitment": network.COMMITTED,
    "find": network.LOOKED_UP,
    "count": network.COUNTED,
}
"""Captions of what is proposed, by activity."""
