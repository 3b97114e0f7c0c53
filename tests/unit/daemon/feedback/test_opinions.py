"""Which titles say what, and how sure a share is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.readers_documents import BASIC_TEXT_SR, KEY_OBJECTS

from hounsfield.daemon.config.destinations import FeedbackSettings
from hounsfield.daemon.feedback.agreement import Agreement, agreements
from hounsfield.daemon.feedback.opinions import REJECTION_TITLES, Opinions
from hounsfield.storage.feedback import Opinion, Tally
from hounsfield.storage.states import Outcome

AGREE, DISAGREE = Opinion.AGREE, Opinion.DISAGREE
SITE = Opinions(FeedbackSettings(agree=("113000,DCM", "AI-OK, 99SITE"), disagree=("AI-NO,99SITE", "113037,DCM")))


@pytest.mark.parametrize(
    ("sop_class", "title", "of_result", "of_images"),
    [
        (KEY_OBJECTS, "113000,DCM", AGREE, AGREE),
        (BASIC_TEXT_SR, "AI-OK,99SITE", AGREE, None),
        (BASIC_TEXT_SR, "AI-NO,99SITE", DISAGREE, None),
        (KEY_OBJECTS, "113037,DCM", DISAGREE, DISAGREE),
        (KEY_OBJECTS, "113038,DCM", None, None),
        (BASIC_TEXT_SR, "113001,DCM", None, None),
        (KEY_OBJECTS, "113000,99SITE", None, None),
        (KEY_OBJECTS, "", None, None),
        ("1.2.840.10008.5.1.4.1.1.7", "113037,DCM", None, None),
        ("1.2.840.10008.5.1.4.1.1.11.1", "113000,DCM", None, None),
    ],
)
def test_a_title_says_what_the_site_configured(
    sop_class: str, title: str, of_result: Opinion | None, of_images: Opinion | None
) -> None:
    assert (SITE.of_result(sop_class, title), SITE.of_images(sop_class, title)) == (of_result, of_images)


@pytest.mark.parametrize("title", sorted(REJECTION_TITLES))
def test_a_rejection_note_disagrees_whatever_is_configured(title: str) -> None:
    opinions = Opinions(FeedbackSettings(agree=(title,), disagree=()))
    assert opinions.of_result(KEY_OBJECTS, title) is DISAGREE


def test_without_configuration_nothing_agrees() -> None:
    opinions = Opinions(FeedbackSettings())
    assert opinions.of_result(KEY_OBJECTS, "113000,DCM") is None
    assert opinions.of_images(KEY_OBJECTS, "113001,DCM") is DISAGREE


def interval(agreed: int, said: int) -> tuple[float, float]:
    row = Agreement(bundle="ich", version="1", outcome=None, results=said, agreed=agreed, disagreed=said - agreed)
    assert row.interval is not None
    return row.interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (9, 10, 0.5958, 0.9821),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_intervals_are_those_of_the_textbook(successes: int, trials: int, low: float, high: float) -> None:
    assert interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_stays_between_none_and_all(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert low < high


def tally(version: str, outcome: Outcome, results: int, agreed: int, disagreed: int) -> Tally:
    return Tally(bundle="ich", version=version, outcome=outcome, results=results, agreed=agreed, disagreed=disagreed)


def test_each_version_has_a_row_for_all_and_one_for_each_outcome() -> None:
    rows = agreements(
        [
            tally("1", Outcome.NEGATIVE, 5, 2, 1),
            tally("1", Outcome.POSITIVE, 4, 1, 0),
            tally("2", Outcome.NOT_ANALYSED, 3, 0, 0),
        ]
    )
    assert [(row.version, row.outcome, row.results, row.agreed, row.disagreed) for row in rows] == [
        ("1", None, 9, 3, 1),
        ("1", Outcome.POSITIVE, 4, 1, 0),
        ("1", Outcome.NEGATIVE, 5, 2, 1),
        ("2", None, 3, 0, 0),
        ("2", Outcome.NOT_ANALYSED, 3, 0, 0),
    ]


def test_where_nobody_said_anything_there_is_no_share() -> None:
    row = Agreement(bundle="ich", version="1", outcome=None, results=7, agreed=0, disagreed=0)
    assert (row.share, row.interval) == (None, None)
