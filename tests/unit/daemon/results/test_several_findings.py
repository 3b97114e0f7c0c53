"""Reports of bundles with several labels: kinds of a finding, and findings beside each other that both decide."""

import io
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from support.reports import (
    FRACTURE,
    HAEMORRHAGE,
    SERIES,
    SUBTYPES,
    facts,
    of_labels,
    request,
    series,
    six_labels,
    texts,
)

from hounsfield.daemon.results.profile import Profile
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import LabelFacts, ReportRequest
from hounsfield.daemon.results.uids import tracking_uid
from hounsfield.daemon.results.words import series_description, summary, together
from hounsfield.storage.states import Outcome

GERMAN = Profile(language="de")
CODING_ABSENCE = Profile(code_absence=True)
SUBDURAL = SUBTYPES[-1]
IMAGES = series(8)


def groups_of(wanted: ReportRequest) -> list[Dataset]:
    document = dcmread(io.BytesIO(build(wanted, ("sr",))[0].content))
    return list(document.ContentSequence[-2].ContentSequence)


def items(group: Dataset, code: str) -> list[Dataset]:
    return [item for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == code]


def name(group: Dataset) -> str:
    return str(items(group, "112039")[0].TextValue)


def concept(group: Dataset, code: str = "121071") -> str:
    return str(items(group, code)[0].ConceptCodeSequence[0].CodeValue)


def presence(group: Dataset) -> list[str]:
    return [str(item.ConceptCodeSequence[0].CodeMeaning) for item in items(group, concept(group))]


def score(group: Dataset) -> float:
    return float(items(group, "122157")[0].MeasuredValueSequence[0].NumericValue)


def test_the_series_has_a_group_for_each_label_and_slices_those_of_the_first() -> None:
    groups = groups_of(six_labels())
    of_series = groups[:6]
    assert [name(group) for group in of_series] == [f"{short} series" for short in _shorts()]
    assert [concept(group) for group in of_series] == [label.concept.value for label in (HAEMORRHAGE, *SUBTYPES)]
    assert concept(of_series[3], "363698007") == "35764002", "two kinds may share a code and differ by their site"
    assert [score(group) for group in of_series] == [0.93, 0.05, 0.31, 0.1, 0.64, 0.88]
    assert [presence(group) for group in of_series] == [["Present"], [], [], [], ["Present"], ["Present"]]
    assert len(groups) > 6
    assert {concept(group) for group in groups[6:]} == {"1386000"}
    assert all(name(group).startswith("ICH image ") for group in groups[6:])


def _shorts() -> list[str]:
    return [label.short for label in (HAEMORRHAGE, *SUBTYPES)]


def test_every_group_has_its_own_images_with_coordinates_and_the_library_lists_them_all() -> None:
    document = dcmread(io.BytesIO(build(six_labels(), ("sr",))[0].content))
    (library,) = document.ContentSequence[-3].ContentSequence
    listed = [_referenced(item) for item in library.ContentSequence if item.ValueType == "IMAGE"]
    named: set[str] = set()
    for group in document.ContentSequence[-2].ContentSequence:
        own = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items(group, "121112")}
        regions = items(group, "122157")[0].ContentSequence
        assert own == {
            region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID for region in regions
        }
        assert 1 <= len(own) <= 10
        named |= own
    assert len(listed) == len(set(listed))
    assert set(listed) == named
    subdural = document.ContentSequence[-2].ContentSequence[5]
    assert _referenced(items(subdural, "121112")[0]) == f"{SERIES}.8", (
        "its own highest slice, not that of the first label"
    )


def _referenced(image: Dataset) -> str:
    return str(image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def test_the_first_label_is_tracked_as_before_and_every_other_apart() -> None:
    groups = groups_of(six_labels())
    tracked = [str(items(group, "112040")[0].UID) for group in groups]
    assert tracked[0] == tracking_uid(SERIES, "1386000")
    assert tracked[6] == tracking_uid(SERIES, "1386000", f"{SERIES}.3")
    assert len(set(tracked)) == len(tracked)
    again = groups_of(six_labels(0.2))
    assert [str(items(group, "112040")[0].UID) for group in again] == tracked[:6], "the same in another version"


def test_labels_with_the_same_code_and_site_are_tracked_apart() -> None:
    twins = [replace(SUBDURAL, name=name) for name in ("acute", "chronic")]
    groups = groups_of(of_labels(dict.fromkeys((HAEMORRHAGE, *twins), (0.9, 0.5))))
    tracked = [str(items(group, "112040")[0].UID) for group in groups]
    assert len(set(tracked)) == len(tracked)


@pytest.mark.parametrize("profile", [Profile(), CODING_ABSENCE])
def test_a_series_that_is_not_flagged_has_the_scores_of_its_kinds_and_no_word_on_their_presence(
    profile: Profile,
) -> None:
    groups = groups_of(six_labels(0.2, profile=profile))
    assert [score(group) for group in groups] == [0.2, 0.05, 0.31, 0.1, 0.64, 0.88]
    said = [presence(group) for group in groups]
    assert said == [["Absent"] if profile.code_absence else [], [], [], [], [], []]


def test_no_kind_of_a_flagged_series_is_ever_coded_as_absent() -> None:
    said = [presence(group) for group in groups_of(six_labels(profile=CODING_ABSENCE))[:6]]
    assert said == [["Present"], [], [], [], ["Present"], ["Present"]]


def test_a_series_not_analysed_has_the_group_of_the_first_label_only() -> None:
    (group,) = groups_of(request(Outcome.NOT_ANALYSED, bundle=facts(labels=(HAEMORRHAGE, *SUBTYPES))))
    assert (name(group), presence(group), items(group, "122157")) == ("ICH series", ["Undetermined"], [])


def test_a_flagged_series_names_the_kinds_that_reach_their_thresholds_and_denies_no_other() -> None:
    wanted = six_labels()
    assert summary(wanted).startswith(
        "AI ICH: FLAGGED score 0.93 (threshold 0.5). "
        "Pattern like: subarachnoid 0.64 (>= 0.61), subdural 0.88 (>= 0.61); this excludes no other kind. "
        "Not for diagnosis."
    )
    assert summary(replace(wanted, profile=GERMAN)).startswith(
        "KI ICH: MARKIERT Score 0.93 (Schwelle 0.5). "
        "Muster wie: SAH 0.64 (>= 0.61), SDH 0.88 (>= 0.61); dies schliesst keine andere Art aus. "
        "Nicht zur Diagnose."
    )
    assert series_description(wanted) == "AI ICH: FLAGGED score 0.93 - not for diagnosis"
    for untold in ("epidural", "intraparenchymal", "EDH", "IPH"):
        assert untold not in summary(wanted)


def test_a_series_that_is_not_flagged_names_no_kind() -> None:
    text = summary(six_labels(0.2))
    assert "Pattern" not in text
    assert text.startswith(
        "AI ICH: NOT FLAGGED score 0.20 (threshold 0.5). This does not exclude haemorrhage. Not for diagnosis."
    )


def two(haemorrhage: float, fracture: float, **changes: object) -> ReportRequest:
    return of_labels({HAEMORRHAGE: (haemorrhage, 0.5), FRACTURE: (fracture, 0.6)}, **changes)


def test_a_second_finding_that_is_flagged_alone_gives_the_result_its_name_score_and_slices() -> None:
    wanted = two(0.3, 0.71)
    assert wanted.outcome is Outcome.POSITIVE
    assert series_description(wanted) == "AI FX: FLAGGED score 0.71 - not for diagnosis"
    assert summary(wanted).startswith(
        "AI FX: FLAGGED score 0.71 (threshold 0.6). "
        "AI ICH: NOT FLAGGED score 0.30 (threshold 0.5). This does not exclude haemorrhage. Not for diagnosis."
    )
    groups = groups_of(wanted)
    assert [name(group) for group in groups[:2]] == ["ICH series", "FX series"]
    assert [presence(group) for group in groups[:2]] == [[], ["Present"]]
    assert groups[2:]
    assert all(name(group).startswith("FX image ") and concept(group) == "71642004" for group in groups[2:])


def test_two_findings_that_are_flagged_are_both_named() -> None:
    wanted = two(0.9, 0.71)
    assert series_description(wanted) == "AI ICH+FX: FLAGGED score 0.90 - not for diagnosis"
    assert summary(wanted).startswith(
        "AI ICH: FLAGGED score 0.90 (threshold 0.5). AI FX: FLAGGED score 0.71 (threshold 0.6). Not for diagnosis."
    )
    assert [presence(group) for group in groups_of(wanted)[:2]] == [["Present"], ["Present"]]


@pytest.mark.parametrize("profile", [Profile(), GERMAN])
@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("count", [2, 6])
def test_many_long_names_leave_the_verdict_and_its_caution_whole(
    profile: Profile, calibrated: bool, count: int
) -> None:
    labels = [replace(HAEMORRHAGE, name=f"n{k}", short="TWELVE CHAR"[:10] + f"{k:02}") for k in range(count)]
    wanted = of_labels(
        dict.fromkeys(labels, (0.9, 0.5)), bundle=facts(labels=tuple(labels), calibrated=calibrated), profile=profile
    )
    text = series_description(wanted)
    assert len(text) <= 64
    assert text.endswith((" - not for diagnosis", " - nicht zur Diagnose"))
    assert f"TWELVE CHA00+{count - 1}:" in text


def test_a_pattern_of_the_site_gets_all_that_is_flagged() -> None:
    profile = Profile(series_description="{finding} {verdict} {score}")
    assert series_description(two(0.9, 0.71, profile=profile)) == "ICH+FX FLAGGED score 0.90"
    assert series_description(two(0.2, 0.71, profile=profile)) == "FX FLAGGED score 0.71"


def test_a_series_not_analysed_says_so_for_all_that_decides() -> None:
    labels = (HAEMORRHAGE, *SUBTYPES, FRACTURE)
    text = summary(request(Outcome.NOT_ANALYSED, bundle=facts(labels=labels)))
    assert text.startswith(
        "AI ICH: NOT ANALYSED - slices missing. The images were not analysed for haemorrhage, fracture."
    )


SCORES = st.sampled_from([0.0, 0.1, 0.4999, 0.5, 0.7, 1.0])


@given(st.tuples(SCORES, SCORES, SCORES), st.sampled_from([Profile(), GERMAN]))
def test_what_is_flagged_is_never_told_as_not_flagged(scores: tuple[float, ...], profile: Profile) -> None:
    labels: tuple[LabelFacts, ...] = (HAEMORRHAGE, SUBDURAL, FRACTURE)
    answers = {label: (score, 0.5) for label, score in zip(labels, scores, strict=True)}
    wanted = of_labels(answers, profile=profile, sources=IMAGES)
    flagged = [label for label in (HAEMORRHAGE, FRACTURE) if answers[label][0] >= 0.5]
    text, described = summary(wanted), series_description(wanted)
    yes, no = ("MARKIERT", "NICHT MARKIERT") if profile is GERMAN else ("FLAGGED", "NOT FLAGGED")
    assert (no in described) == (not flagged)
    for label in (HAEMORRHAGE, FRACTURE):
        assert (f" {label.short}: {yes} " in text) == (label in flagged)
        assert (f" {label.short}: {no} " in text) == (label not in flagged)
        assert label not in flagged or label.short in described.partition(":")[0]
    assert ("Pattern like" in text or "Muster wie" in text) == (bool(flagged) and scores[1] >= 0.5)


def test_names_are_joined_as_far_as_there_is_room() -> None:
    assert together(["ICH"], 1) == "ICH"
    assert together(["ICH", "FX"], 6) == "ICH+FX"
    assert together(["ICH", "FX", "HY"], 6) == "ICH+2"


def test_each_score_and_threshold_stays_out_of_the_uids_but_a_changed_threshold_makes_other_objects() -> None:
    answers = {HAEMORRHAGE: (0.9, 0.5), SUBDURAL: (0.7, 0.5)}
    moved = answers | {SUBDURAL: (0.7, 0.6)}
    uids = [build(of_labels(one, sources=IMAGES), ("sr",))[0].sop_instance_uid for one in (answers, answers, moved)]
    assert uids[0] == uids[1] != uids[2]


def test_a_report_speaks_of_every_label_or_is_refused() -> None:
    with pytest.raises(ValueError, match="each label"):
        request(bundle=facts(labels=(HAEMORRHAGE, SUBDURAL)))


@pytest.mark.parametrize("wanted", [six_labels(), six_labels(0.2), two(0.3, 0.71), two(0.9, 0.9)])
def test_no_text_about_several_findings_denies_one(wanted: ReportRequest) -> None:
    documents = [dcmread(io.BytesIO(built.content)) for built in build(wanted, ("sr", "sc", "ko", "pr"))]
    said = list(itertools.chain.from_iterable(texts(document) for document in documents))
    assert len(said) > 50
    denying = ("absent", "negative", "normal", "clear", "without other", "no other finding")
    assert [text for text in said if any(word in text.lower() for word in denying)] == []
