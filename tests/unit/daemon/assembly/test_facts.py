"""Facts about a series: what rules see of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from support.ct_factory import ct_series, ct_slice, write_series
from support.rows import at
from support.rule_facts import facts_of

from hounsfield.daemon.assembly.facts import gather_facts
from hounsfield.daemon.rule_language.predicates import AGE_KEYWORDS, LONGEST_TEXT, PREDICATES, Kind, PredicateValue
from hounsfield.model.headers import read_header
from hounsfield.storage.records import InstanceRecord
from hounsfield.storage.states import InstanceRole

_TYPES = {Kind.TEXT: str, Kind.NUMBER: float | None, Kind.TRUTH: bool, Kind.TEXTS: tuple}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # what is written is wrong on purpose


def predicate(folder: Path, name: str, **attributes: object) -> PredicateValue:
    keywords = frozenset(AGE_KEYWORDS if name == "patient_age_years" else ())
    return facts_of(folder, ct_series(3, **attributes), keywords).predicates[name]


def received(calling_ae: str, *, role: InstanceRole = InstanceRole.SOURCE, primary: bool = True) -> InstanceRecord:
    return InstanceRecord(
        digest="0" * 64,
        sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        series_uid="1.2.3",
        study_uid="1.2",
        transfer_syntax="1.2.840.10008.1.2.1",
        role=role,
        calling_ae=calling_ae,
        called_ae="HOUNSFIELD",
        peer_address="192.0.2.7",
        association_id="a",
        received_at=at(0),
        size=1,
        id=1,
        series_id=1,
        revision=0,
        is_primary=primary,
        copies=1,
    )


def test_every_predicate_has_its_documented_kind(tmp_path: Path) -> None:
    predicates = facts_of(tmp_path, ct_series(3)).predicates
    assert list(predicates) == list(PREDICATES)
    for name, value in predicates.items():
        assert isinstance(value, _TYPES[PREDICATES[name].kind]), name


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("modality", {}, "CT"),
        ("body_part", {}, "HEAD"),
        ("body_part", {"BodyPartExamined": None}, ""),
        ("series_description", {"SeriesDescription": "x" * 64 + "\u0007"}, "x" * 64 + "\u0007"),
        ("kernel", {"ConvolutionKernel": "H31s"}, "H31s"),
        ("slices", {}, 3.0),
        ("thickness_min", {}, 5.0),
        ("thickness_min", {"SliceThickness": None}, None),
        ("image_types", {}, ("ORIGINAL", "PRIMARY", "AXIAL")),
        ("original", {}, True),
        ("original", {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, False),
        ("original", {"ImageType": None}, False),
        ("axial", {}, True),
        ("axial", {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, False),
        ("axial", {"ImageOrientationPatient": None}, True),
        ("axial", {"ImageOrientationPatient": None, "ImageType": ["DERIVED", "SECONDARY"]}, False),
        ("contrast", {"ContrastBolusAgent": "Iohexol"}, True),
        ("contrast", {"ContrastBolusAgent": "NONE"}, False),
        ("lossy", {"LossyImageCompression": "01"}, True),
        ("enhanced", {}, False),
        ("enhanced", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1"}, True),
        ("manufacturer", {}, "Hounsfield tests"),
        ("station", {"StationName": "CT1"}, "CT1"),
        ("phantom", {}, False),
        ("phantom", {"PatientName": "Catphan^600"}, True),
        ("patient_age_years", {}, 75.0),
        ("patient_age_years", {"PatientBirthDate": "19500103"}, 75.0),
        ("patient_age_years", {"PatientBirthDate": "19500102"}, 76.0),
        ("patient_age_years", {"PatientAge": "006M"}, 0.5),
        ("patient_age_years", {"PatientAge": "old", "PatientBirthDate": "1950"}, None),
        ("patient_age_years", {"PatientBirthDate": "20990101"}, None),
        ("patient_age_years", {"PatientBirthDate": "19509999"}, None),
    ],
)
def test_a_predicate_says_what_the_headers_say(
    tmp_path: Path, name: str, attributes: dict[str, object], expected: PredicateValue
) -> None:
    changed = {"PatientBirthDate": "19500601"} | attributes if name == "patient_age_years" else attributes
    assert predicate(tmp_path, name, **changed) == expected


def test_localizers_count_for_nothing_unless_there_is_nothing_else(tmp_path: Path) -> None:
    scout = ct_slice(z=900.0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SliceThickness="400", Modality="XX")
    mixed = facts_of(tmp_path / "mixed", [*ct_series(3), scout], frozenset({"SliceThickness"}))
    assert mixed.predicates["slices"] == 3.0
    assert mixed.predicates["thickness_max"] == 5.0
    assert mixed.values["SliceThickness"] == ((5.0,),)
    alone = facts_of(tmp_path / "alone", [scout], frozenset({"SliceThickness"}))
    assert alone.values["SliceThickness"] == ((400.0,),)
    assert alone.predicates["slices"] == 1.0


def test_different_values_are_each_there_once_and_in_order(tmp_path: Path) -> None:
    series = [ct_slice(z=float(z), SliceThickness=thickness) for z, thickness in enumerate(["7", "4", "7.0", None])]
    values = facts_of(tmp_path, series, frozenset({"SliceThickness"})).values
    assert values["SliceThickness"] == ((), (4.0,), (7.0,))


def test_the_usual_text_is_the_most_frequent_one(tmp_path: Path) -> None:
    kernels = ["B", None, "A", "A", "B", None, None]
    series = [ct_slice(z=float(z), ConvolutionKernel=kernel) for z, kernel in enumerate(kernels)]
    assert facts_of(tmp_path, series).predicates["kernel"] == "A"


def test_the_sender_is_the_one_of_most_images(tmp_path: Path) -> None:
    headers = [read_header(path) for path in write_series(tmp_path, ct_series(1))]
    companions = [received("PACS", role=InstanceRole.COMPANION)] * 3 + [received("PACS", primary=False)] * 3
    instances = [received("CT2"), received("CT1"), received("CT2"), *companions]
    predicates = gather_facts(headers, [], instances).predicates
    assert (predicates["calling_ae"], predicates["called_ae"]) == ("CT2", "HOUNSFIELD")
    assert gather_facts(headers, []).predicates["calling_ae"] == ""


def test_frames_of_one_file_count_as_slices_and_share_its_attributes(tmp_path: Path) -> None:
    (header,) = [read_header(path) for path in write_series(tmp_path, ct_series(1))]
    frames = [replace(header, frame=number, frames=4, thickness=float(number)) for number in range(1, 5)]
    facts = gather_facts(frames, [{"Modality": ("CT",)}])
    assert facts.predicates["slices"] == 4.0
    assert facts.predicates["thickness_max"] == 4.0
    assert facts.values["Modality"] == (("CT",),)


def test_attributes_of_another_number_of_files_are_refused(tmp_path: Path) -> None:
    headers = [read_header(path) for path in write_series(tmp_path, ct_series(2))]
    with pytest.raises(ValueError, match="zip"):
        gather_facts(headers, [{"Modality": ("CT",)}])


def test_a_series_without_readable_images_has_facts_too() -> None:
    facts = gather_facts([], [])
    assert facts.predicates["slices"] == 0.0
    assert facts.predicates["original"] is False


def test_texts_are_cut_and_facts_do_not_show_themselves(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, ct_series(2, SeriesDescription="x" * 9000), frozenset({"PatientID"}))
    assert facts.predicates["series_description"] == "x" * LONGEST_TEXT
    assert "T-1" not in repr(facts)
