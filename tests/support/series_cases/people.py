"""Whose images they are: one patient or two, names in every alphabet, phantoms."""

from collections.abc import Callable

import numpy as np
from pydicom import Dataset
from support.ct_factory import ct_slice, uid
from support.series_cases.case import ANALYSED, Becomes, Case, analysed, held, sent, sent_twice, skipped
from support.series_cases.heads import changed, head
from support.series_cases.ward import Ward

from hounsfield.storage.states import JobState, Reason


def _one_differs(**attributes: object) -> Callable[[], list[Dataset]]:
    return lambda: changed(head(), 7, **attributes)


def _two_encodings() -> list[Dataset]:
    """The same name, once in Latin-1 and once in UTF-8."""
    images = head(PatientName="Müller^Jörg")
    return changed(images, 3, SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Jörg")


def _japanese() -> list[Dataset]:
    return head(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")


def _wrong_character_set() -> list[Dataset]:
    """Bytes of Latin-1 under a header that says UTF-8."""
    images = head(SpecificCharacterSet="ISO_IR 192")
    for image in images:
        image.add_new(0x00100010, "PN", b"M\xfcller^J\xf6rg")
        image.add_new(0x00100020, "LO", b"T\xe4-1")
    return images


def _copied(patient_id: bytes, patient_name: bytes, character_set: str) -> Callable[[Ward], None]:
    def check(ward: Ward) -> None:
        (report,) = ward.reports()
        assert (report.patient_id, report.patient_name) == (patient_id, patient_name)
        assert report.character_set == character_set

    return check


def _each_their_own(ward: Ward) -> None:
    assert [said.patient_id for said in ward.reports()] == [b"T-1", b"T-2"]


def _water() -> list[Dataset]:
    """A cylinder of water, with nothing in the header that says so."""
    y, x = np.mgrid[-1 : 1 : 64 * 1j, -1 : 1 : 64 * 1j]
    noise = np.random.default_rng(2).normal(0, 4, (64, 64))
    hu = (np.where(np.hypot(x, y) < 0.85, 0.0, -1000.0) + noise).astype(np.int16)
    return [ct_slice(hu, z=5.0 * place) for place in range(12)]


_YAMADA = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
"""PS3.5 H.3.1."""

CASES = (
    Case(
        name="two Patient IDs",
        means="an alarm; never a result, and it cannot be released",
        story=sent(_one_differs(PatientID="T-2")),
        becomes=held(Reason.TWO_PATIENTS),
    ),
    Case(
        name="two issuers of the Patient ID",
        story=sent(_one_differs(IssuerOfPatientID="Elsewhere")),
        becomes=held(Reason.TWO_PATIENTS),
    ),
    Case(
        name="one image without a Patient ID", story=sent(_one_differs(PatientID="")), becomes=held(Reason.TWO_PATIENTS)
    ),
    Case(
        name="an image of another patient that comes after the result",
        story=sent_twice(head, lambda: head(13, PatientID="T-2")[12:]),
        becomes=held(Reason.TWO_PATIENTS, revision=1, jobs=(ANALYSED,)),
    ),
    Case(
        name="two series of one study that name two patients",
        means="each for itself: every report is about its own patient",
        story=sent(lambda: [*head(), *head(name="b", StudyInstanceUID=uid("study a"), PatientID="T-2")]),
        becomes=(Becomes(), Becomes()),
        check=_each_their_own,
    ),
    Case(name="two given names", story=sent(_one_differs(PatientName="Test^Heidi")), becomes=held(Reason.TWO_PATIENTS)),
    Case(
        name="one name in two cases",
        story=sent(_one_differs(PatientName="TEST^HEAD")),
        becomes=held(Reason.TWO_PATIENTS),
    ),
    Case(
        name="two birth dates", story=sent(_one_differs(PatientBirthDate="19500102")), becomes=held(Reason.TWO_PATIENTS)
    ),
    Case(name="two sexes", story=sent(_one_differs(PatientSex="F")), becomes=held(Reason.TWO_PATIENTS)),
    Case(
        name="a Patient ID with spaces around it",
        means="the same patient: such spaces are insignificant (PS3.5 6.2)",
        story=sent(_one_differs(PatientID=" T-1 ")),
        becomes=analysed(),
    ),
    Case(
        name="a name with empty components behind it",
        story=sent(_one_differs(PatientName="Test^Head^^ ")),
        becomes=analysed(),
    ),
    Case(name="one name in two character sets", story=sent(_two_encodings), becomes=analysed()),
    Case(
        name="two studies in one series",
        means="an alarm; never a result, and it cannot be released",
        story=sent(_one_differs(StudyInstanceUID=uid("study b"))),
        becomes=held(Reason.TWO_STUDIES),
    ),
    Case(
        name="a Japanese name",
        means="copied into the result with its character set",
        story=sent(_japanese),
        becomes=analysed(),
        check=_copied(b"T-1", _YAMADA, "['', 'ISO 2022 IR 87']"),
    ),
    Case(
        name="a name and a Patient ID in another character set than the header says",
        means="the result carries the bytes that came",
        story=sent(_wrong_character_set),
        becomes=analysed(),
        check=_copied(b"T\xe4-1", b"M\xfcller^J\xf6rg", "ISO_IR 192"),
    ),
    Case(
        name="a phantom, by its patient name",
        story=sent(lambda: head(PatientName="CATPHAN^Daily")),
        becomes=skipped(Reason.PHANTOM),
        settings=("assembly.phantom",),
    ),
    Case(
        name="a phantom, by its Image Type",
        story=sent(lambda: head(ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "PHANTOM"])),
        becomes=skipped(Reason.PHANTOM),
        settings=("assembly.phantom",),
    ),
    Case(
        name="a phantom, by Quality Control Image",
        story=sent(lambda: head(QualityControlImage="YES")),
        becomes=skipped(Reason.PHANTOM),
        settings=("assembly.phantom",),
    ),
    Case(
        name="a phantom, by its description",
        story=sent(lambda: head(SeriesDescription="Daily QA head")),
        becomes=skipped(Reason.PHANTOM),
        settings=("assembly.phantom",),
    ),
    Case(
        name="a cylinder of water under the name of a head",
        means="seen in the pixels",
        story=sent(_water),
        becomes=held(Reason.PHANTOM, revision=1, jobs=(JobState.CANCELLED,)),
        settings=("assembly.implausible_hu",),
    ),
    Case(
        name="a phantom, and phantoms shall wait for a person",
        story=sent(lambda: head(PatientName="CATPHAN^Daily")),
        becomes=held(Reason.PHANTOM),
        configuration={"assembly": {"phantom": "hold"}},
        settings=("assembly.phantom",),
    ),
)
