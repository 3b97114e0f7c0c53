"""Results in a real PACS: what comes back is what was sent, and a PACS that was away gets them later."""

import io
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from support.destinations import route
from support.peers import Orthanc, free_port, orthanc
from support.reports import request, series

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.retry import Complete, RetryLater, decide
from hounsfield.daemon.delivery.scu import SendReport, echo, send
from hounsfield.daemon.results.registry import build
from hounsfield.storage.states import Outcome, Reason

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("pacs")) as running:
        yield running


def written(folder: Path, outcome: Outcome, **source: object) -> list[Path]:
    paths = []
    for built in build(request(outcome, sources=series(**source)), ("sr", "sc")):
        paths.append(folder / f"{built.sop_instance_uid}.dcm")
        paths[-1].write_bytes(built.content)
    return paths


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize(
    "source",
    [
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"},
        {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"},
    ],
    ids=["japanese", "umlaut"],
)
def test_results_read_back_from_the_pacs_are_equal(
    pacs: Orthanc, tmp_path: Path, outcome: Outcome, source: dict[str, object]
) -> None:
    paths = written(tmp_path, outcome, PatientID=f"{outcome}-{len(str(source))}", **source)
    report = send(route(pacs.dicom_port), paths)
    assert [entry.status for entry in report.sent] == [0, 0]
    for path in paths:
        kept, sent = dcmread(io.BytesIO(pacs.file(path.stem))), dcmread(path)
        assert kept.get_item("PatientName").value == sent.get_item("PatientName").value  # type: ignore[union-attr]
        assert str(kept.PatientName) == source["PatientName"]
        assert kept == sent


def test_sending_twice_leaves_one_copy(pacs: Orthanc, tmp_path: Path) -> None:
    paths = written(tmp_path, Outcome.POSITIVE, PatientID="twice")
    send(route(pacs.dicom_port), paths)
    before = len(pacs.instances())
    report = send(route(pacs.dicom_port), paths)
    assert decide(report, 2, NOW, NOW + timedelta(days=7), random.Random(1)) == Complete()
    assert len(pacs.instances()) == before


def test_a_pacs_that_was_down_gets_the_results_when_it_is_up(tmp_path: Path) -> None:
    there = route(free_port())
    paths = written(tmp_path, Outcome.NOT_ANALYSED)
    down = send(there, paths)
    assert down == SendReport(failure=Failure.UNREACHABLE)
    decision = decide(down, 1, NOW, NOW + timedelta(days=7), random.Random(1))
    assert isinstance(decision, RetryLater)
    assert decision.reason == Reason.UNREACHABLE
    with orthanc(tmp_path / "pacs", dicom_port=there.port) as back:
        assert echo(there) is None
        assert decide(send(there, paths), 2, decision.at, NOW + timedelta(days=7), random.Random(1)) == Complete()
        assert set(back.instances()) == {path.stem for path in paths}
