"""Who the patients are, for a person who asks, says why, and is written down for it before anything is shown."""

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.person import person, write_down

if TYPE_CHECKING:
    from pathlib import Path

    from hounsfield.daemon.config.settings import Settings
    from hounsfield.storage.engine import Database
    from hounsfield.storage.ports import SeriesStore
    from hounsfield.storage.spool import Spool

SHORTEST_REASON = 8
LONGEST_REASON = 200
_LONGEST_VALUE = 128
_KEYWORDS = ("PatientName", "PatientID", "AccessionNumber")

RevealOption = Annotated[
    str | None,
    typer.Option(
        "--reveal",
        metavar="REASON",
        help="Show Patient's Name, Patient ID and accession number too. Who asked and why, in at least 8 characters, "
        "is written to the job log before; name no patient there.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What one image of a series says of its patient, printable; empty what it does not say. Never to be logged."""

    name: str
    """Patient's Name (0010,0010)."""
    id: str
    """Patient ID (0010,0020)."""
    accession: str
    """Accession Number (0008,0050)."""

    def as_json(self) -> dict[str, object]:
        """Return its fields."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.name or 'no name'}, ID {self.id or 'none'}, accession {self.accession or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """What a person asked to see of the patient; None where no image can be read."""

    patient: Patient | None

    @property
    def words(self) -> str:
        """For the page."""
        return "its images are no longer in the spool" if self.patient is None else str(self.patient)

    def as_json(self) -> dict[str, object] | None:
        """For programs."""
        return None if self.patient is None else self.patient.as_json()


class Patients:
    """Reads one image of a series from the spool, once."""

    def __init__(self, series: "SeriesStore", spool: "Spool") -> None:
        self._series = series
        self._spool = spool
        self._known: dict[int, Patient | None] = {}

    def of(self, series_id: int) -> Patient | None:
        """Return what its images say; None where no file of it can be read any more."""
        if series_id not in self._known:
            self._known[series_id] = self._read(series_id)
        return self._known[series_id]

    def _read(self, series_id: int) -> Patient | None:
        images = sorted(self._series.instances(series_id), key=lambda one: not one.is_primary)
        return next((found for one in images[:3] if (found := _patient(self._spool.path(one.digest)))), None)


def revealed(
    database: "Database", settings: "Settings", reason: str | None, command: str, series_id: int | None, **about: object
) -> Revealed | None:
    """Return the patient of one series, as :func:`reveal` does; None where nobody asked."""
    patients = reveal(database, settings, reason, command, **about)
    if patients is None:
        return None
    return Revealed(patient=None if series_id is None else patients.of(series_id))


def patient_json(shown: Revealed | None) -> dict[str, object]:
    """Return what ``--json`` says of the patient; nothing where nobody asked."""
    return {} if shown is None else {"patient": shown.as_json()}


def reveal(
    database: "Database", settings: "Settings", reason: str | None, command: str, **about: object
) -> Patients | None:
    """Write down that somebody asks, and return what answers; None without a reason to.

    ``about`` stands in the job log with it. Raise :class:`UsageFault` for a reason that is none.
    """
    from hounsfield.storage.operations import Action
    from hounsfield.storage.spool import Spool

    if reason is None:
        return None
    write_down(database, Action.REVEALED, person(None), {"reason": _good(reason), "command": command, **about})
    return Patients(database.series, Spool(settings.storage.spool_folder))


def _good(reason: str) -> str:
    from hounsfield.daemon.logs import escape_controls

    told = " ".join(escape_controls(reason).split())
    if len(told) < SHORTEST_REASON:
        raise UsageFault(
            "--reveal: this is no reason", f"say in at least {SHORTEST_REASON} characters why you have to know"
        )
    return told[:LONGEST_REASON]


def _patient(path: "Path") -> Patient | None:
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's quote values
            image = dcmread(path, stop_before_pixels=True, specific_tags=[*_KEYWORDS, "SpecificCharacterSet"])
            name, number, accession = (str(image.get(keyword) or "") for keyword in _KEYWORDS)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a damaged file makes it raise
        return None
    return Patient(name=_shown(name), id=_shown(number), accession=_shown(accession))


def _shown(value: str) -> str:
    from hounsfield.daemon.logs import escape_controls

    return escape_controls(value)[:_LONGEST_VALUE]
