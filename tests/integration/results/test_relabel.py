"""A report under the classes that older archives take: valid there, with the same content, the same bytes each time."""

import io
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from support.peers import dciodvfy, run_tool
from support.reports import request, series

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.relabel import FALLBACKS, Relabelled, relabel
from hounsfield.storage.states import Outcome

COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"
COMPREHENSIVE, ENHANCED = FALLBACKS[COMPREHENSIVE_3D]
JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}
CHANGED = {"SOPClassUID", "SOPInstanceUID"}


def report(outcome: Outcome = Outcome.POSITIVE, **source: object) -> bytes:
    return build(request(outcome, sources=series(12, **source)), ("sr",))[0].content


def relabelled(content: bytes, sop_class: str) -> Relabelled:
    made = relabel(content, sop_class)
    assert made is not None
    return made


@pytest.mark.parametrize("sop_class", [COMPREHENSIVE, ENHANCED])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_validators_find_nothing_wrong_with_the_other_classes(tmp_path: Path, sop_class: str, outcome: Outcome) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(relabelled(report(outcome), sop_class).content)
    assert dciodvfy(path) == ([], [])
    dumped = run_tool("dsrdump", path)
    assert (dumped.returncode, dumped.stderr) == (0, "")
    assert "Imaging Measurement Report" in dumped.stdout


@pytest.mark.parametrize("sop_class", [COMPREHENSIVE, ENHANCED])
def test_nothing_but_class_and_instance_differs(sop_class: str) -> None:
    content = report(**JAPANESE)
    made = relabelled(content, sop_class)
    before, after = dcmread(io.BytesIO(content)), dcmread(io.BytesIO(made.content))
    assert (after.SOPClassUID, after.SOPInstanceUID) == (sop_class, made.sop_instance_uid)
    assert after.file_meta.MediaStorageSOPClassUID == sop_class
    assert after.file_meta.MediaStorageSOPInstanceUID == made.sop_instance_uid != before.SOPInstanceUID
    assert after.get_item("PatientName").value == before.get_item("PatientName").value  # type: ignore[union-attr]
    assert {element.keyword for element in before if before[element.tag] != after[element.tag]} == CHANGED


def test_the_same_report_gives_the_same_bytes_and_each_class_its_own_instance() -> None:
    content = report()
    made = [relabelled(content, sop_class) for sop_class in (COMPREHENSIVE, ENHANCED)]
    assert made[0] == relabelled(content, COMPREHENSIVE)
    assert made[0].sop_instance_uid != made[1].sop_instance_uid


@pytest.mark.parametrize(
    ("element", "value", "classes"),
    [
        ("ValueType", "SCOORD3D", {COMPREHENSIVE: False, ENHANCED: False}),
        ("ReferencedContentItemIdentifier", [1, 1], {COMPREHENSIVE: True, ENHANCED: False}),
    ],
)
def test_content_that_a_class_does_not_allow_is_not_put_into_it(
    element: str, value: object, classes: dict[str, bool]
) -> None:
    dataset = dcmread(io.BytesIO(report()))
    item = Dataset()
    setattr(item, element, value)
    dataset.ContentSequence[-1].ContentSequence = Sequence([item])
    written = io.BytesIO()
    dataset.save_as(written)
    assert {one: relabel(written.getvalue(), one) is not None for one in classes} == classes
