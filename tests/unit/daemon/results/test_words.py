"""What a result says, in every case, and what it never says."""

import io
import re
from dataclasses import replace

import pytest
from pydicom import dcmread
from support.reports import BANNER, HAEMORRHAGE, facts, finding, request, series, texts

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.words import comment, plain, series_description, shown, summary
from hounsfield.model.findings import Analysis
from hounsfield.storage.records import Verdict
from hounsfield.storage.states import REASON_WORDS, Completeness, Outcome, Reason

NEVER = re.compile(r"absent|negative|normal|\bclear", re.IGNORECASE)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.POSITIVE, "AI ICH: FLAGGED score 0.93 - not for diagnosis"),
        (Outcome.NEGATIVE, "AI ICH: NOT FLAGGED score 0.04 - does not exclude haemorrhage"),
        (Outcome.NOT_ANALYSED, "AI ICH: NOT ANALYSED - slices missing"),
    ],
)
def test_the_series_description_says_the_result(outcome: Outcome, words: str) -> None:
    assert series_description(request(outcome)) == words


def test_only_a_calibrated_bundle_speaks_of_probability() -> None:
    calibrated = request(bundle=facts(calibrated=True))
    assert series_description(calibrated) == "AI ICH: FLAGGED probability 0.93 - not for diagnosis"
    assert "probability" not in summary(request())


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_fits_into_a_series_description(reason: Reason) -> None:
    words = REASON_WORDS.get(reason, str(reason))
    text = series_description(request(Outcome.NOT_ANALYSED, reason=reason, words=words))
    assert text == f"AI ICH: NOT ANALYSED - {words}"
    assert len(text) <= 64


def test_a_series_description_that_is_too_long_keeps_its_result() -> None:
    long = facts(calibrated=True, labels=(replace(HAEMORRHAGE, name="intracranial haemorrhage of any kind"),))
    assert series_description(request(Outcome.NEGATIVE, bundle=long)) == (
        "AI ICH: NOT FLAGGED probability 0.04 - not for diagnosis"
    )
    endless = facts(labels=(replace(HAEMORRHAGE, short="LONGNAME" * 6),))
    assert len(series_description(request(bundle=endless))) <= 64


@pytest.mark.parametrize(
    ("score", "threshold", "text"),
    [
        (0.4999, 0.5, "0.49"),
        (0.5, 0.5, "0.50"),
        (0.9349, 0.5, "0.93"),
        (0.5049, 0.505, "0.50"),
        (0.551, 0.5509, "0.56"),
    ],
)
def test_rounding_never_crosses_the_threshold(score: float, threshold: float, text: str) -> None:
    assert shown(score, threshold) == text


@pytest.mark.parametrize("outcome", list(Outcome))
def test_no_text_of_any_object_denies_a_finding(outcome: Outcome) -> None:
    for built in build(request(outcome), ("sr", "sc")):
        said = texts(dcmread(io.BytesIO(built.content)))
        assert len(said) > 20
        assert [text for text in said if NEVER.search(text)] == []


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_bundle_that_is_not_clinical_says_so_wherever_it_speaks(outcome: Outcome) -> None:
    wanted = request(outcome)
    assert BANNER in summary(wanted)
    assert BANNER in comment(wanted)
    report, capture = (dcmread(io.BytesIO(built.content)) for built in build(wanted, ("sr", "sc")))
    assert BANNER in capture.ImageComments
    assert sum(BANNER in text for text in texts(report)) >= 3


def test_a_bundle_without_words_of_its_own_still_says_that_it_is_not_clinical() -> None:
    assert "not for clinical use" in summary(request(bundle=facts(banner="")))
    assert "not for clinical use" not in summary(request(bundle=facts(banner="", clinical=True)))


def test_the_comment_tells_completeness_remarks_and_what_the_result_is_not() -> None:
    checked = Verdict(
        completeness=Completeness.SUSPECT, reasons=(Reason.ASSOCIATION_ABORTED,), remarks=("The sender broke off",)
    )
    text = comment(request(verdict=checked))
    assert "Series completeness: SUSPECT (association-aborted). The sender broke off. Gantry tilt" in text
    assert "not for diagnosis" in text


def test_a_summary_of_a_series_below_the_threshold_excludes_nothing() -> None:
    images = series()
    low = Analysis(findings=(finding([0.9, 0.1, 0.1, 0.1], images, 0.31),))
    text = summary(request(Outcome.NEGATIVE, sources=images, analysis=low))
    assert text.startswith("AI ICH: NOT FLAGGED score 0.31 (threshold 0.5). This does not exclude haemorrhage.")


def test_our_text_is_plain_ascii_whatever_a_bundle_is_called() -> None:
    assert plain("Schädel–CT\r\n«groß»\\2") == "Schaedel-CT gross/2"
    assert plain("頭部") == ""
    assert plain("a" * 70, 64) == "a" * 64
