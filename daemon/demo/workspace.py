"""The folder a demonstration writes into: ours by a marker, so that nothing of anybody else is ever deleted."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hounsfield.daemon.errors import DaemonError

MARKER = ".hounsfield-demo"
MARKER_TEXT = "This folder was made by `hounsfield demo`, which deletes its contents at the next demonstration.\n"


class WorkspaceError(DaemonError):
    """The output folder cannot be used."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The places below the output folder."""

    folder: Path

    @property
    def home(self) -> Path:
        """``storage.home`` of the demonstration's daemon."""
        return self.folder / "home"

    @property
    def images(self) -> Path:
        """Where generated series are written."""
        return self.folder / "input"

    @property
    def pacs(self) -> Path:
        """Where the demonstration's PACS keeps what it gets."""
        return self.folder / "pacs"

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self.folder / "daemon.log"


def prepare(output: Path, *, keep: bool, now: datetime) -> Workspace:
    """Return an empty workspace; raise :class:`WorkspaceError` for a folder with contents that we did not make.

    ``keep`` leaves earlier demonstrations there and takes a sub-folder named by the time ``now``.
    """
    output = output.resolve()
    if output.exists() and not output.is_dir():
        raise WorkspaceError(f"{output} is a file", "give a folder with --output")
    ours = (output / MARKER).is_file()
    if output.exists() and not ours and any(output.iterdir()):
        raise WorkspaceError(
            f"{output} has contents that no demonstration made, and is left alone", "give another folder with --output"
        )
    if ours and not keep:
        _empty(output)
    output.mkdir(parents=True, exist_ok=True)
    (output / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
    folder = output / now.strftime("%Y%m%d-%H%M%S") if keep else output
    folder.mkdir(exist_ok=True)
    workspace = Workspace(folder)
    for place in (workspace.home, workspace.images, workspace.pacs):
        place.mkdir()
    return workspace


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
