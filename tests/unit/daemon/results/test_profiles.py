"""What a destination may choose about its objects, and that each choice makes objects of its own."""

import io
from dataclasses import replace

import pytest
from pydicom import Dataset, dcmread
from support.reports import facts, request, series, texts, tree_lines

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.results.profile import Profile, profile_of, profiles_of
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import ReportRequest
from hounsfield.daemon.results.words import series_description
from hounsfield.storage.states import Outcome


def destination(name: str = "pacs", **changes: object) -> Destination:
    return Destination.model_validate({"name": name, "ae_title": "PACS", "host": "127.0.0.1", "port": 104, **changes})


def report(profile: Profile, outcome: Outcome = Outcome.POSITIVE) -> Dataset:
    (built,) = build(request(outcome, profile=profile), ("sr",))
    return dcmread(io.BytesIO(built.content))


def described(pattern: str, wanted: ReportRequest) -> str:
    return series_description(replace(wanted, profile=Profile(series_description=pattern)))


def test_destinations_that_want_the_same_share_a_profile() -> None:
    first, second = destination("a", results=["sc", "sr"]), destination("b", send_negative=False)
    german = destination("c", language="de")
    assert profiles_of([first, second, german]) == (Profile(), Profile(language="de"))
    assert profile_of(first).key == ""
    assert len({Profile(language="de").key, Profile(flagged_pages=0).key, ""}) == 3


def test_only_the_destinations_of_a_job_decide_and_without_any_the_default_is_made() -> None:
    both = [destination("a"), destination("b", language="de")]
    assert profiles_of(both, ("b",)) == (Profile(language="de"),)
    assert profiles_of(both, ()) == profiles_of([]) == (Profile(),)


def test_who_is_notified_is_told_from_a_report_even_if_no_destination_wants_one() -> None:
    captures = destination("a", results=("sc",))
    assert profiles_of([captures], is_told=True) == (Profile(roles=("sc",)), Profile(roles=("sr",)))
    assert profiles_of([destination("b")], is_told=True) == (Profile(),)


@pytest.mark.parametrize(
    "change",
    [
        {"sr_title": "ct-report"},
        {"sc_modality": "SC"},
        {"series_description": "{verdict}"},
        {"language": "de"},
        {"code_absence": True},
        {"flagged_pages": 0},
        {"roles": ("sr", "sc", "ko")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_choice_goes_into_the_uids(change: dict[str, object]) -> None:
    images = series()
    default, other = request(sources=images), request(sources=images, profile=Profile(**change))  # type: ignore[arg-type]
    uids = [{built.sop_instance_uid for built in build(one, ("sr", "sc"))} for one in (default, other)]
    assert not uids[0] & uids[1]


def test_a_report_with_another_title_has_the_same_content_but_claims_no_template() -> None:
    default, titled = report(Profile()), report(Profile(sr_title="ct-report"))
    assert tree_lines(titled)[0] == "ROOT CONTAINER 25045-6,LN"
    assert tree_lines(titled)[1:] == tree_lines(default)[1:]
    assert "ContentTemplateSequence" not in titled
    assert default.ContentTemplateSequence[0].TemplateIdentifier == "1500"


def test_absence_is_coded_only_where_it_is_wanted_and_only_for_what_is_not_flagged() -> None:
    absent = "      CONTAINS CODE 1386000,SCT = 272519000,SCT"
    assert tree_lines(report(Profile(code_absence=True), Outcome.NEGATIVE)).count(absent) == 1
    for profile, outcome in [
        (Profile(), Outcome.NEGATIVE),
        (Profile(code_absence=True), Outcome.POSITIVE),
        (Profile(code_absence=True), Outcome.NOT_ANALYSED),
    ]:
        assert absent not in tree_lines(report(profile, outcome))


def test_absence_stands_in_no_words_even_where_it_is_coded() -> None:
    said = texts(report(Profile(code_absence=True), Outcome.NEGATIVE))
    assert [text for text in said if "absent" in text.lower()] == ["Absent"]


def test_the_capture_has_the_modality_the_destination_wants() -> None:
    (built,) = build(request(profile=Profile(sc_modality="SC")), ("sc",))
    assert dcmread(io.BytesIO(built.content)).Modality == "SC"


def test_a_series_description_of_the_site_is_filled_in_for_every_outcome() -> None:
    pattern = "{finding}: {verdict} {score} {reason} - {bundle}"
    assert [described(pattern, request(outcome)) for outcome in Outcome] == [
        "ICH: FLAGGED score 0.93 - ich-demo 1.0.0",
        "ICH: NOT FLAGGED score 0.04 - ich-demo 1.0.0",
        "ICH: NOT ANALYSED slices missing - ich-demo 1.0.0",
    ]


def test_a_site_cannot_make_a_score_a_probability() -> None:
    assert described("{verdict} {score}", request()) == "FLAGGED score 0.93"
    assert described("{verdict} {score}", request(bundle=facts(calibrated=True))) == "FLAGGED probability 0.93"


def test_a_pattern_that_would_cut_the_verdict_gives_way_to_our_own_words() -> None:
    long = request(Outcome.NEGATIVE, bundle=facts(name="a-bundle-with-quite-a-long-name-of-forty-nine-letters"))
    assert described("{bundle} {verdict}", long) == "AI ICH: NOT FLAGGED score 0.04 - does not exclude haemorrhage"
    assert described("{verdict} {bundle}", long).startswith("NOT FLAGGED a-bundle")
    assert len(described("{verdict} {bundle}", long)) <= 64
