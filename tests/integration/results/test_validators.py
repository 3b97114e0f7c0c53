"""Every object before the validators of other people: dicom3tools, DCMTK, highdicom."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import highdicom
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support.peers import dciodvfy, run_tool
from support.reports import (
    FRACTURE,
    HAEMORRHAGE,
    ct_slice,
    encoded,
    enhanced_instance,
    facts,
    of_frames,
    of_labels,
    page,
    received,
    request,
    series,
    six_labels,
)

from hounsfield.daemon.config.destinations import Language, ReportTitle
from hounsfield.daemon.results.profile import Profile
from hounsfield.daemon.results.registry import WRITERS, build
from hounsfield.daemon.results.relabel import FALLBACKS, relabel
from hounsfield.daemon.results.request import InstanceReference, ReportRequest
from hounsfield.storage.states import Outcome

PREDECESSOR = InstanceReference(
    study_uid="1.2.826.0.1.3680043.8.498.1",
    series_uid="2.25.11",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
    sop_instance_uid="2.25.12",
)


def _order() -> Dataset:
    order = Dataset()
    order.RequestedProcedureID, order.RequestedProcedureDescription = "RP-1", "CT Schädel"
    return order


def _procedure() -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "24725-4", "LN", "CT Head"
    return code


def _frames(outcome: Outcome) -> ReportRequest:
    sources = enhanced_instance(6)
    analysis = of_frames([0.1, 0.2, 0.95, 0.9, 0.3, 0.1], sources[0], 0.93)
    return request(outcome, sources=sources, analysis=analysis)


def _spoken(outcome: Outcome, language: Language, title: ReportTitle) -> Callable[[], ReportRequest]:
    profile = Profile(language=language, sr_title=title, code_absence=True)
    return lambda: request(outcome, sources=series(12), profile=profile)


CASES: dict[str, Callable[[], ReportRequest]] = {
    **{
        f"{outcome}, {language}, {title}": _spoken(outcome, language, title)
        for outcome in Outcome
        for language in get_args(Language)
        for title in get_args(ReportTitle)
    },
    "positive": lambda: request(Outcome.POSITIVE, sources=series(12)),
    "negative": lambda: request(Outcome.NEGATIVE),
    "not analysed": lambda: request(Outcome.NOT_ANALYSED),
    "clinical and calibrated": lambda: request(bundle=facts(clinical=True, banner="", calibrated=True)),
    "follows another": lambda: request(revision=2, predecessors=(PREDECESSOR,)),
    "japanese": lambda: request(
        sources=series(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")
    ),
    "umlaut, order and procedure": lambda: request(
        sources=series(
            SpecificCharacterSet="ISO_IR 192",
            PatientName="Müller^Jörg",
            RequestAttributesSequence=[_order()],
            ProcedureCodeSequence=[_procedure()],
        )
    ),
    "with an offset": lambda: request(sources=series(TimezoneOffsetFromUTC="+0100")),
    "no order, no body part": lambda: request(sources=series(AccessionNumber="", BodyPartExamined=None)),
    "frames of an enhanced image": lambda: _frames(Outcome.POSITIVE),
    "an enhanced image not analysed": lambda: request(Outcome.NOT_ANALYSED, sources=enhanced_instance()),
    "six labels": lambda: six_labels(sources=series(12)),
    "six labels, not flagged, German": lambda: six_labels(0.2, profile=Profile(language="de", code_absence=True)),
    "six labels, as text": lambda: six_labels(profile=Profile(sr_title="ct-report")),
    "a second finding decides": lambda: of_labels({HAEMORRHAGE: (0.3, 0.5), FRACTURE: (0.7, 0.6)}),
    "page of odd size": lambda: request(pages=(np.zeros((17, 19, 3), np.uint8),)),
}


@pytest.fixture(params=CASES, scope="module")
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the files of everything that can be made of one case, the report first, in each of its classes."""
    folder = tmp_path_factory.mktemp("objects")
    found = []
    for built in build(CASES[request.param](), tuple(WRITERS)):
        variants = [relabel(built.content, sop_class) for sop_class in FALLBACKS.get(built.sop_class_uid, ())]
        assert None not in variants
        for content in (built.content, *(variant.content for variant in variants if variant)):
            found.append(folder / f"{len(found)}-{built.role}.dcm")
            found[-1].write_bytes(content)
    return found


DCMTK_LACKS = ("SpecificCharacterSet", "Specific Character Set", "template constraints not yet supported")
"""Warnings of dsrdump about itself: it knows few character sets, and no template of key object selections."""


def _documents(objects: list[Path], *roles: str) -> list[Path]:
    return [path for path in objects if path.stem.partition("-")[2] in roles]


def test_dciodvfy_finds_neither_error_nor_warning(objects: list[Path]) -> None:
    assert {path.stem: dciodvfy(path) for path in objects} == {path.stem: ([], []) for path in objects}


def test_dcmtk_understands_the_documents(objects: list[Path]) -> None:
    for path in _documents(objects, "sr", "ko"):
        dumped = run_tool("dsrdump", path)
        faults = [line for line in dumped.stderr.splitlines() if not any(own in line for own in DCMTK_LACKS)]
        assert (dumped.returncode, faults) == (0, [])
    assert len(_documents(objects, "sr")) == 3
    rendered = run_tool("dsr2html", objects[0])
    assert rendered.returncode == 0, rendered.stderr
    assert "not for diagnosis" in rendered.stdout.lower() or "nicht zur Diagnose" in rendered.stdout


def test_highdicom_reads_the_report(objects: list[Path]) -> None:
    report = highdicom.sr.srread(objects[0])
    assert isinstance(report, highdicom.sr.Comprehensive3DSR)
    if report.ConceptNameCodeSequence[0].CodeValue == "126000":
        assert isinstance(report.content, highdicom.sr.MeasurementReport)
        groups = report.content.get_image_measurement_groups()
        assert len(groups) >= 1
        found = [(group.finding_type.value, group.finding_sites[0].value.value) for group in groups]
        assert found[0] == ("1386000", "12738006")
        assert all(group.get_measurements() or group.get_qualitative_evaluations() for group in groups)


def test_inputs_and_results_are_one_consistent_study(tmp_path: Path) -> None:
    images = [ct_slice(number) for number in range(1, 5)]
    files = []
    for image in images:
        files.append(tmp_path / f"{image.InstanceNumber}.dcm")
        files[-1].write_bytes(encoded(image))
    for built in build(request(sources=tuple(received(image) for image in images)), tuple(WRITERS)):
        files.append(tmp_path / f"{len(files)}-{built.role}.dcm")
        files[-1].write_bytes(built.content)
    checked = run_tool("dcentvfy", *files)
    # it takes the Accession Number inside Referenced Request Sequence for one of the series
    faults = [line for line in checked.stderr.splitlines() if "Element=<AccessionNumber>" not in line]
    assert (checked.returncode, faults) == (0, [])


def test_results_of_the_real_head_ct_have_no_fault_that_their_source_has_not(real_ct: Path, tmp_path: Path) -> None:
    files = sorted((real_ct / "ge_head_ct").glob("*.dcm"))
    inherited = set(dciodvfy(files[0])[1])
    sources = tuple(dcmread(path, stop_before_pixels=True) for path in files)
    for outcome in Outcome:
        for built in build(request(outcome, sources=sources), tuple(WRITERS)):
            path = tmp_path / f"{outcome}-{built.role}.dcm"
            path.write_bytes(built.content)
            errors, warnings = dciodvfy(path)
            assert (errors, set(warnings) - inherited) == ([], set())
            if built.role == "sr":
                assert run_tool("dsrdump", path).returncode == 0
                assert isinstance(highdicom.sr.srread(path), highdicom.sr.Comprehensive3DSR)


def test_the_page_comes_back_pixel_by_pixel() -> None:
    capture = dcmread(io.BytesIO(build(request(), ("sc",))[0].content))
    assert (capture.PhotometricInterpretation, capture.file_meta.TransferSyntaxUID) == ("RGB", "1.2.840.10008.1.2.1")
    np.testing.assert_array_equal(capture.pixel_array, page())
