"""What becomes of an analysis with several findings: its page, its row in the job log, the facts of its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from pydicom import dcmread
from support.bundles import manifest_fields
from support.fakes import ManualClock
from support.reports import FRACTURE, HAEMORRHAGE, SUBTYPES, finding, series
from support.told import notify_job

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.bundle_facts import bundle_facts
from hounsfield.daemon.pipeline.page_content import Evidence, page_content
from hounsfield.daemon.pipeline.reporting import Reporter
from hounsfield.daemon.results.request import LabelFacts
from hounsfield.model.bundle import Bundle
from hounsfield.model.findings import Analysis, CodedConcept, Rejection
from hounsfield.model.headers import SliceHeader
from hounsfield.model.manifest import Manifest
from hounsfield.model.page import PageContent
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import ResultSet, Verdict
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import Completeness, JobKind, Outcome

SUBDURAL = SUBTYPES[-1]
THRESHOLDS = {HAEMORRHAGE: 0.5, SUBDURAL: 0.61, FRACTURE: 0.6}
IMAGES = series(6)


def _code(concept: CodedConcept) -> dict[str, str]:
    return {"value": concept.value, "scheme": concept.scheme, "meaning": concept.meaning}


def bundle(*labels: LabelFacts) -> Bundle:
    fields = manifest_fields()
    fields["output"]["labels"] = [
        {
            "name": label.name,
            "index": index,
            "threshold": THRESHOLDS[label],
            "slice_threshold": 0.4,
            "concept": _code(label.concept),
            "site": _code(label.site),
            "short": label.short,
            "decides": label.decides,
        }
        for index, label in enumerate(labels)
    ]
    manifest = Manifest.model_validate(fields | {"files": {"model.keras": "a" * 64}})
    return Bundle(folder=Path(), manifest=manifest, sha256="ab" * 32)


def analysis(scores: Mapping[LabelFacts, float]) -> Analysis:
    findings = []
    for place, (label, score) in enumerate(scores.items()):
        slices = [score if k in (place, place + 1) else 0.1 for k in range(len(IMAGES))]
        findings.append(finding(slices, IMAGES, score, THRESHOLDS[label], label))
    return Analysis(findings=tuple(findings), device="/CPU:0")


def evidence(**changes: Any) -> Evidence:
    pixels = [np.full((16, 16), 40, np.int16) for _ in IMAGES]
    headers = tuple(cast(SliceHeader, _Header()) for _ in IMAGES)
    fields: dict[str, Any] = {"sources": IMAGES, "headers": headers, "slices_hu": pixels, "identity": "cd" * 32}
    return Evidence(**{**fields, "verdict": Verdict(completeness=Completeness.COMPLETE), **changes})


class _Header:
    pixel_spacing = (0.5, 0.5)
    orientation = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class _NoEarlierJobs:
    def predecessors(self, job: object) -> list[object]:
        return []


def reported(folder: Path, scores: Mapping[LabelFacts, float]) -> ResultSet:
    reporter = Reporter(
        settings=Settings(),
        jobs=cast(JobStore, _NoEarlierJobs()),
        files=ResultFiles(folder),
        previews=folder,
        device_uid="2.25.1",
        clock=ManualClock(),
    )
    job = notify_job(kind=JobKind.INFER, destination=None, result_set_id=None)
    result = reporter.report(job, bundle(*scores), analysis(scores), evidence())
    reporter.publish(result.objects)
    return result


def content(scores: Mapping[LabelFacts, float], **changes: Any) -> PageContent:
    found = analysis(scores)
    outcome = Outcome.POSITIVE if found.flagged else Outcome.NEGATIVE
    return page_content(bundle(*scores), found, evidence(**changes), outcome, "")


HEATMAPS = {k: np.ones((16, 16), np.float32) for k in range(len(IMAGES))}


def test_the_job_log_keeps_scores_and_thresholds_by_label(tmp_path: Path) -> None:
    result = reported(tmp_path, {HAEMORRHAGE: 0.9, SUBDURAL: 0.7})
    assert (result.outcome, result.score) == (Outcome.POSITIVE, 0.9)
    assert result.detail == {
        "remarks": [],
        "threshold": 0.5,
        "scores": {"haemorrhage": 0.9, "subdural": 0.7},
        "thresholds": {"haemorrhage": 0.5, "subdural": 0.61},
        "slice_scores": [0.9, 0.9, 0.1, 0.1, 0.1, 0.1],
        "slice_thresholds": {"haemorrhage": 0.5, "subdural": 0.61},
    }


def test_the_score_of_a_result_is_that_of_the_finding_it_is_named_after(tmp_path: Path) -> None:
    result = reported(tmp_path, {HAEMORRHAGE: 0.3, FRACTURE: 0.7})
    assert (result.outcome, result.score, result.detail["threshold"]) == (Outcome.POSITIVE, 0.7, 0.6)
    assert result.detail["slice_scores"] == [0.3, 0.3, 0.1, 0.1, 0.1, 0.1], "of the first label, as ever"
    files = ResultFiles(tmp_path)
    described = {str(dcmread(files.path(one.sop_instance_uid)).SeriesDescription) for one in result.objects}
    assert described == {"AI FX: FLAGGED score 0.70 - not for diagnosis"}


def test_a_page_shows_the_scores_of_kinds_for_a_flagged_series_only() -> None:
    (one,) = content({HAEMORRHAGE: 0.9, SUBDURAL: 0.7}).further
    assert (one.name, one.score, one.threshold) == ("subdural", 0.7, 0.61)
    assert content({HAEMORRHAGE: 0.2, SUBDURAL: 0.7}).further == ()


def test_a_page_is_about_the_finding_that_is_flagged() -> None:
    page = content({HAEMORRHAGE: 0.3, SUBDURAL: 0.2, FRACTURE: 0.7}, heatmaps=HEATMAPS)
    assert (page.verdict, page.short, page.score, page.threshold) == ("FLAGGED", "FX", 0.7, 0.6)
    assert page.slice_scores == (0.1, 0.1, 0.7, 0.7, 0.1, 0.1)
    assert [one.name for one in page.further] == ["haemorrhage", "subdural"]
    assert all(one.heatmap is None for one in page.slices), "the heatmaps explain another score"


def test_a_page_of_two_flagged_findings_names_both_and_shows_the_first() -> None:
    page = content({HAEMORRHAGE: 0.9, FRACTURE: 0.7}, heatmaps=HEATMAPS)
    assert (page.short, page.score) == ("ICH+FX", 0.9)
    assert page.further[0].name == "fracture"
    assert all(one.heatmap is not None for one in page.slices)


def test_a_series_not_analysed_has_no_scores_on_its_page() -> None:
    rejected = Analysis(rejection=Rejection.INCOMPLETE)
    page = page_content(bundle(HAEMORRHAGE, SUBDURAL), rejected, evidence(), Outcome.NOT_ANALYSED, "slices missing")
    assert (page.short, page.score, page.further) == ("ICH", None, ())


@pytest.mark.parametrize(
    ("labels", "thresholds"),
    [
        ((HAEMORRHAGE,), "threshold 0.5"),
        ((HAEMORRHAGE, SUBDURAL, FRACTURE), "thresholds haemorrhage 0.5, subdural 0.61, fracture 0.6"),
    ],
)
def test_the_facts_of_a_bundle_name_every_label_and_threshold(labels: tuple[LabelFacts, ...], thresholds: str) -> None:
    facts = bundle_facts(bundle(*labels))
    assert facts.labels == labels
    assert facts.parameters.startswith(f"{thresholds}; model sha256 abab")
