"""Every object before the validators of other people: dicom3tools, DCMTK, highdicom."""

import io
from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support.peers import dciodvfy, run_tool
from support.reports import ct_slice, encoded, enhanced_instance, facts, of_frames, page, received, request, series

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import PredecessorRef, ReportRequest
from hounsfield.storage.states import Outcome

PREDECESSOR = PredecessorRef(
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


CASES: dict[str, Callable[[], ReportRequest]] = {
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
    "page of odd size": lambda: request(pages=(np.zeros((17, 19, 3), np.uint8),)),
}


@pytest.fixture(params=CASES, scope="module")
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files of report and capture of one case."""
    folder = tmp_path_factory.mktemp("objects")
    found = {}
    for built in build(CASES[request.param](), ("sr", "sc")):
        found[built.role] = folder / f"{built.role}.dcm"
        found[built.role].write_bytes(built.content)
    return found


@pytest.mark.parametrize("role", ["sr", "sc"])
def test_dciodvfy_finds_neither_error_nor_warning(objects: dict[str, Path], role: str) -> None:
    assert dciodvfy(objects[role]) == ([], [])


def test_dcmtk_understands_the_report(objects: dict[str, Path]) -> None:
    dumped = run_tool("dsrdump", objects["sr"])
    # its checker of values knows few character sets, and says so as a warning
    faults = [line for line in dumped.stderr.splitlines() if "SpecificCharacterSet" not in line.replace(" ", "")]
    assert (dumped.returncode, faults) == (0, [])
    assert "Imaging Measurement Report" in dumped.stdout
    rendered = run_tool("dsr2html", objects["sr"])
    assert rendered.returncode == 0, rendered.stderr
    assert "not for diagnosis" in rendered.stdout.lower()


def test_highdicom_reads_the_report(objects: dict[str, Path]) -> None:
    report = highdicom.sr.srread(objects["sr"])
    assert isinstance(report, highdicom.sr.Comprehensive3DSR)
    assert isinstance(report.content, highdicom.sr.MeasurementReport)
    groups = report.content.get_image_measurement_groups()
    assert len(groups) >= 1
    assert {group.finding_type.value for group in groups} == {"1386000"}


def test_inputs_and_results_are_one_consistent_study(tmp_path: Path) -> None:
    images = [ct_slice(number) for number in range(1, 5)]
    files = []
    for image in images:
        files.append(tmp_path / f"{image.InstanceNumber}.dcm")
        files[-1].write_bytes(encoded(image))
    for built in build(request(sources=tuple(received(image) for image in images)), ("sr", "sc")):
        files.append(tmp_path / f"{built.role}.dcm")
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
        for built in build(request(outcome, sources=sources), ("sr", "sc")):
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
