"""Whose study is it by now? The patient of our images compared with the patient of the study at the destination.

After a merge of patients, or a correction of a wrong one, an archive files a study under another Patient ID than the
scanner sent. A result with the old one would end up with the wrong person, or with nobody.
"""

from collections.abc import Callable, Sequence

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.delivery.address import PeerOf
from hounsfield.daemon.delivery.result_header import header_of
from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.query.archive import QueryPeer, Unanswered
from hounsfield.daemon.query.raw_values import raw_text, raw_value
from hounsfield.daemon.query.scu import find
from hounsfield.storage.records import JobRecord, ResultObject
from hounsfield.storage.results import ResultFiles

_CHARACTER_SET, _STUDY_UID = 0x0008_0005, 0x0020_000D
_PATIENT_ID, _ISSUER = 0x0010_0020, 0x0010_0021
PATIENT_KEYWORDS = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
Find = Callable[[QueryPeer, Sequence[Dataset], Callable[[], float]], list[list[Dataset]]]


def patients_at(peer: QueryPeer, study_uid: str, monotonic: Callable[[], float], ask: Find = find) -> list[Dataset]:
    """Return what the archive says of the patient of a study, mostly one answer, none if it does not know the study.

    Study Root C-FIND at level STUDY. Elements are raw, with the Specific Character Set (0008,0005) they are written in.
    Raise :class:`DeliveryError` where it does not answer.
    """
    keys = Dataset()
    keys.QueryRetrieveLevel = "STUDY"
    keys.StudyInstanceUID = study_uid
    for keyword in PATIENT_KEYWORDS:
        setattr(keys, keyword, None)
    try:
        (matches,) = ask(peer, [keys], monotonic)
    except Unanswered as failure:
        raise DeliveryError(f"the destination does not say whose study it is ({failure.why})") from None
    return [match for match in matches if raw_text(match, _STUDY_UID) == study_uid]


def patient_at(peer: QueryPeer, study_uid: str, monotonic: Callable[[], float], ask: Find = find) -> Dataset:
    """Return the patient of a study as the archive knows them now: for results that are issued again.

    Patient Name, Patient ID, Issuer of Patient ID, Patient's Birth Date and Sex with Specific Character Set, raw, and
    each only where the archive names it. Raise :class:`DeliveryError` where it does not answer, does not know the
    study, has it under more than one patient, or names no Patient ID.
    """
    found = patients_at(peer, study_uid, monotonic, ask)
    if len({_identity(one) for one in found}) != 1 or not _identity(found[0])[0]:
        raise DeliveryError("the destination does not name one patient for the study")
    patient = Dataset()
    for keyword in ("SpecificCharacterSet", *PATIENT_KEYWORDS):
        element = found[0].get_item(keyword, keep_deferred=True)
        if element is not None:
            patient[element.tag] = element
    return patient


class StudyPatientCheck:
    """A :class:`~hounsfield.daemon.delivery.plugs.PatientCheck` by C-FIND."""

    def __init__(self, *, peer_of: PeerOf, files: ResultFiles, clock: Clock, ask: Find = find) -> None:
        self._peer_of = peer_of
        self._files = files
        self._clock = clock
        self._ask = ask

    def has_changed(self, job: JobRecord, objects: Sequence[ResultObject]) -> bool:
        """See :class:`~hounsfield.daemon.delivery.plugs.PatientCheck`."""
        peer = self._peer_of(job)
        if peer is None or not objects:
            return False
        ours = header_of(self._files, objects[0].sop_instance_uid)
        found = patients_at(peer, ours.study_uid, self._clock.monotonic, self._ask)
        return bool(found) and not any(_may_be_the_same(_identity(ours.elements), _identity(one)) for one in found)


def _may_be_the_same(ours: tuple[str, str], theirs: tuple[str, str]) -> bool:
    """Whether two identifiers do not contradict each other; an issuer that only one side names says nothing."""
    if not theirs[0]:
        return True
    return ours[0] == theirs[0] and (not ours[1] or not theirs[1] or ours[1] == theirs[1])


def _identity(elements: Dataset) -> tuple[str, str]:
    """Return Patient ID and its issuer without padding: leading and trailing spaces mean nothing (PS3.5 6.2, LO)."""
    return _text(elements, _PATIENT_ID), _text(elements, _ISSUER)


def _text(elements: Dataset, tag: int) -> str:
    """Return a text in its character set; where nobody knows that one, its bytes are compared.

    The library would warn of an unknown one in the archive's words.
    """
    raw = raw_value(elements, tag)
    terms = [term.strip() for term in raw_text(elements, _CHARACTER_SET).split("\\")]
    if not all(term in python_encoding for term in terms):
        return raw.decode("latin-1").strip(" \0")
    try:
        return decode_bytes(raw, convert_encodings(terms), TEXT_VR_DELIMS).strip(" \0")
    except (LookupError, ValueError):
        return raw.decode("latin-1").strip(" \0")
