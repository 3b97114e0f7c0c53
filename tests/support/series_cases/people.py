"""Whose images they are: one patient or two, names in every alphabet, phantoms."""

from collections.abc import Callable

from pydicom import Dataset
from support.ct_factory import uid
from support.series_cases.case import Case, analysed, held, sent, skipped
from support.series_cases.heads import changed, head
from support.series_cases.ward import Ward

from hounsfield.storage.states import Reason


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
    images = head(SpecificCharacterSet="ISO_IR 192", PatientID="T-1")
    for image in images:
        image["PatientName"]._value = None
        image.add_new(0x00100010, "PN", b"M\xfcller^J\xf6rg")
    return images


def _patient_is_copied(ward: Ward) -> None:
    (report,) = ward.reports()
    assert report.patient_id == b"T-1"
    assert report.patient_name != b""


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
        check=_patient_is_copied,
    ),
    Case(
        name="a name in another character set than the header says",
        means="the result carries the bytes that came",
        story=sent(_wrong_character_set),
        becomes=analysed(),
        check=_patient_is_copied,
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
        name="a phantom, and phantoms shall wait for a person",
        story=sent(lambda: head(PatientName="CATPHAN^Daily")),
        becomes=held(Reason.PHANTOM),
        configuration={"assembly": {"phantom": "hold"}},
        settings=("assembly.phantom",),
    ),
)
