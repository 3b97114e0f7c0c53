"""What a radiologist sees of our results in the OHIF viewer: the study opens, the page is shown, nothing breaks."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from support.bench import LOOPBACK_PACS, Bench
from support.ohif import Viewer, viewing
from support.peers import orthanc
from support.reports import six_labels
from support.waiting import wait_until

from hounsfield.daemon.results.profile import profile_of
from hounsfield.daemon.results.registry import build
from hounsfield.model.page.style import AMBER, VIOLET
from hounsfield.model.phantom.series import PhantomSpec, write_series

DESTINATIONS = (LOOPBACK_PACS, {**LOOPBACK_PACS, "name": "other", "ae_title": "OTHER", "sr_title": "ct-report"})
SPECS = {
    "flagged": PhantomSpec(seed=101, lesion="intraparenchymal"),
    "not analysed": PhantomSpec(seed=103, drop=(9, 10, 11)),
}
CT, REPORT, CAPTURE = 2, 9001, 9002
COLOURS = {"flagged": AMBER, "six labels": AMBER, "not analysed": VIOLET}


@dataclass(frozen=True)
class Study:
    """A series and the result objects of each destination's profile."""

    uid: str
    images: list[Path]
    results: dict[str, list[Path]]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """Return what the whole pipeline with the demonstration bundle makes of a generated head, by its verdict."""
    folder = tmp_path_factory.mktemp("pipeline")
    bench = Bench(folder / "home", DESTINATIONS, manifest=None)
    worker = bench.app.worker()
    found = {}
    for name, spec in SPECS.items():
        images = write_series(folder / name, spec)
        bench.receive(images)
        bench.settle()
        assert worker.work_one()
        found[name] = Study(str(dcmread(images[0]).StudyInstanceUID), images, _results(bench))
    found["six labels"] = _six_labels(folder, found["flagged"])
    return found


def _six_labels(folder: Path, study: Study) -> Study:
    """The same images with what a bundle of six labels says of them."""
    sources = tuple(dcmread(path, stop_before_pixels=True) for path in study.images)
    page = np.full((400, 400, 3), AMBER, np.uint8)
    files = []
    for built in build(six_labels(sources=sources, pages=(page,)), ("sr", "sc")):
        files.append(folder / f"six-labels-{built.role}.dcm")
        files[-1].write_bytes(built.content)
    return Study(study.uid, study.images, {"measurement-report": files})


def _results(bench: Bench) -> dict[str, list[Path]]:
    newest = max(bench.jobs(), key=lambda job: job.id)
    (result,) = bench.app.database.jobs.result_sets_of_job(newest.id)
    return {
        to.sr_title: [
            bench.app.files.path(made.sop_instance_uid) for made in result.objects if made.profile == profile_of(to).key
        ]
        for to in bench.app.settings.destination
    }


@pytest.mark.parametrize(
    ("verdict", "title", "shown"),
    [
        # images with what was measured on them
        ("flagged", "measurement-report", "Probability: "),
        ("six labels", "measurement-report", "Probability: "),
        ("not analysed", "measurement-report", ": Brain"),
        # the whole report as text
        ("flagged", "ct-report", "CAD Processing and Findings Summary"),
    ],
    ids=["flagged", "six labels", "not analysed", "flagged, other title"],
)
def test_the_viewer_opens_the_study_with_its_results_and_none_of_them_breaks_it(
    studies: dict[str, Study], verdict: str, title: str, shown: str, tmp_path: Path
) -> None:
    study = studies[verdict]
    pictures = Path(os.environ.get("HOUNSFIELD_ARTEFACTS") or tmp_path / "artefacts")
    name = f"ohif-{verdict}-{title}".replace(" ", "-")
    with orthanc(tmp_path / "pacs", dicomweb=True) as pacs:
        for path in (*study.images, *study.results[title]):
            pacs.post("instances", path.read_bytes())
        with viewing(pacs, study.uid) as viewer:
            wait_until(lambda: _is_a_picture(viewer), 60)
            viewer.keep(pictures / f"{name}-ct.png")
            wait_until(lambda: len(viewer.listed()) == 3, 60)
            listed = {entry.split()[0]: entry for entry in viewer.listed()}
            said = "AI ICH: NOT ANALYSED" if verdict == "not analysed" else "AI ICH: FLAGGED score"
            assert set(listed) == {"CT", "OT", "SR"}
            assert said in listed["OT"]
            assert said in listed["SR"]

            _open(viewer, CAPTURE, lambda: _share(viewer.drawn(), COLOURS[verdict]) > 0.01)
            viewer.keep(pictures / f"{name}-sc.png")

            _open(viewer, REPORT, lambda: shown in viewer.words())
            viewer.keep(pictures / f"{name}-sr.png")

            _open(viewer, CT, lambda: _is_a_picture(viewer))
            assert viewer.faults == []
            assert "Something went wrong" not in viewer.words()


def _open(viewer: Viewer, series_number: int, is_open: Callable[[], bool]) -> None:
    """Open a series; the viewer loses a double click now and then while it is still busy, so a reader repeats it."""
    for _ in range(5):
        viewer.show(series_number)
        with suppress(AssertionError):
            wait_until(is_open, 15)
            return
    wait_until(is_open, 30)


def _is_a_picture(viewer: Viewer) -> bool:
    """Whether the viewport shows more than one shade of grey, and no colour: a slice."""
    drawn = viewer.drawn().astype(int)
    return bool(drawn.std() > 5 and np.ptp(drawn, axis=2).max() == 0)


def _share(drawn: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Return the part of the picture that has a colour, within what scaling and windowing change of it."""
    return float((np.abs(drawn.astype(int) - colour).max(axis=2) <= 4).mean())
