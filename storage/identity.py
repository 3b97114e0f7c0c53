"""Whether a folder is the one that the database knows: a file in it holds what the database drew for it.

A folder whose disk is not mounted, or another host's folder of the same name, is found out before anything is written
to it or missed in it.
"""

import re
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from hounsfield.storage.durable import FileOperations, SystemFileOperations, make_folder, write_durably
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.site_facts import SiteFacts

FILE = "identity"
_DRAWN = re.compile(r"[0-9a-f]{32}")
_NEW = "new:"
"""Before the value in the database: its file is still to be written, or was a moment ago."""


class NotTheFolder(SpoolError):
    """The folder is not the one that the rows of the database are about; nothing was changed."""

    def __init__(self, *, found: bool) -> None:
        self.found = found
        """Whether it has an identity, of another site; if not, it has none."""
        super().__init__("it is another one's" if found else "it has never been used with this database")


def identity_of(folder: Path) -> str | None:
    """Return what a folder is known by, None for one without; raise SpoolError where that cannot be read."""
    try:
        text = (folder / FILE).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SpoolError(f"the file {folder / FILE} cannot be read ({type(error).__name__})") from error
    if not _DRAWN.fullmatch(text):
        raise SpoolError(f"the file {folder / FILE} holds no identity: restore it from a backup")
    return text


def settle_identity(
    folder: Path, facts: SiteFacts, name: str, now: datetime, operations: FileOperations | None = None
) -> None:
    """Compare a folder with what the database knows under ``name``; a database that knows none takes this one.

    Any number of hosts may do this at once, and each may die meanwhile. Raise NotTheFolder, SpoolError,
    DatabaseUnavailable.
    """
    found = identity_of(folder)
    known = facts.get(name) or facts.keep(name, found or _NEW + uuid4().hex, now)
    is_new, known = known.startswith(_NEW), known.removeprefix(_NEW)
    found = found or identity_of(folder)  # written before it was known, perhaps a moment ago by another process
    if found is None and is_new:
        write_identity(folder, known, operations)
        found = known
    if found != known:
        raise NotTheFolder(found=found is not None)
    if is_new:
        facts.replace(name, known, now)


def is_settled(facts: SiteFacts, name: str) -> bool:
    """Whether the database knows a folder under this name, whose file was written."""
    known = facts.get(name)
    return known is not None and not known.startswith(_NEW)


def accept_identity(folder: Path, facts: SiteFacts, name: str, now: datetime) -> None:
    """Let the database know this folder from now on, whatever it knew; raises as :func:`settle_identity`."""
    found = identity_of(folder)
    if found is None:
        found = uuid4().hex
        write_identity(folder, found)
    facts.replace(name, found, now)


def write_identity(folder: Path, identity: str, operations: FileOperations | None = None) -> None:
    """Write it durably, as a whole; raise SpoolError."""
    how = operations or SystemFileOperations()
    try:
        make_folder(folder, how)
        write_durably(how, folder, folder / FILE, (identity.encode("ascii") + b"\n",))
    except OSError as error:
        raise SpoolError(f"{folder} cannot be written ({error.strerror})") from error
