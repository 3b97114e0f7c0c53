"""The verdict on completeness comes from evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.assembly.completeness import Evidence, ended_badly, judge
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.storage.records import AssociationRecord, Verdict
from hounsfield.storage.states import AssociationEnding, Completeness, Reason

START = datetime(2026, 1, 1, tzinfo=UTC)


def association(ending: AssociationEnding, minute: int) -> AssociationRecord:
    at = START + timedelta(minutes=minute)
    return AssociationRecord(
        id=f"a{minute}",
        receiver="r",
        calling_ae="CT",
        called_ae="HOUNSFIELD",
        peer_address="127.0.0.1",
        opened_at=at,
        ending=ending,
        ended_at=at,
    )


@pytest.fixture
def headers(tmp_path: Path) -> list[SliceHeader]:
    return [read_header(path) for path in write_series(tmp_path, ct_series(12))]


def verdict(headers: list[SliceHeader], *associations: AssociationRecord, unreadable: int = 0) -> Verdict:
    return judge(measure(headers), Evidence(headers=headers, associations=associations, unreadable=unreadable))


def test_an_even_series_over_a_released_association_is_complete(headers: list[SliceHeader]) -> None:
    found = verdict(headers, association(AssociationEnding.RELEASED, 0))
    assert (found.completeness, found.reasons) == (Completeness.COMPLETE, ())


def test_a_missing_slice_makes_it_incomplete_and_the_step_is_named(headers: list[SliceHeader]) -> None:
    found = verdict([h for i, h in enumerate(headers) if i != 5])
    assert (found.completeness, found.reasons) == (Completeness.INCOMPLETE, (Reason.GAP,))
    assert "10.0 mm" in found.remarks[0]


def test_fewer_images_than_the_scanner_announced_make_it_incomplete(headers: list[SliceHeader]) -> None:
    found = verdict([replace(h, images_in_acquisition=14) for h in headers])
    assert (found.completeness, found.reasons) == (Completeness.INCOMPLETE, (Reason.FEWER_THAN_ANNOUNCED,))


def test_an_announced_count_says_nothing_about_a_series_of_several_acquisitions(headers: list[SliceHeader]) -> None:
    split = [replace(h, images_in_acquisition=14, acquisition_number=i % 2) for i, h in enumerate(headers)]
    assert verdict(split).completeness is Completeness.COMPLETE


def test_an_unreadable_image_makes_it_incomplete(headers: list[SliceHeader]) -> None:
    assert verdict(headers, unreadable=1).reasons == (Reason.UNREADABLE,)


@pytest.mark.parametrize("ending", [AssociationEnding.ABORTED, AssociationEnding.LOST])
def test_an_association_that_broke_off_makes_it_suspect(headers: list[SliceHeader], ending: AssociationEnding) -> None:
    found = verdict(headers, association(AssociationEnding.RELEASED, 0), association(ending, 1))
    assert (found.completeness, found.reasons) == (Completeness.SUSPECT, (Reason.ASSOCIATION_ABORTED,))


def test_a_later_released_association_makes_up_for_one_that_broke_off(headers: list[SliceHeader]) -> None:
    found = verdict(headers, association(AssociationEnding.ABORTED, 0), association(AssociationEnding.RELEASED, 1))
    assert found.completeness is Completeness.COMPLETE


def test_every_second_slice_missing_is_suspect(tmp_path: Path) -> None:
    series = ct_series(12, spacing=10.0, SliceThickness="5", SpacingBetweenSlices="5")
    found = verdict([read_header(path) for path in write_series(tmp_path, series)])
    assert (found.completeness, found.reasons) == (Completeness.SUSPECT, (Reason.SPARSE,))


def test_fewer_images_than_the_pacs_holds_make_it_incomplete(headers: list[SliceHeader]) -> None:
    found = judge(measure(headers), Evidence(headers=headers, received=12, known=15))
    assert (found.completeness, found.reasons) == (Completeness.INCOMPLETE, (Reason.FEWER_THAN_KNOWN,))
    assert "the PACS holds 15" in found.remarks[0]


@pytest.mark.parametrize("known", [None, 0, 5, 12])
def test_a_pacs_that_holds_no_more_than_came_says_nothing_against_it(
    headers: list[SliceHeader], known: int | None
) -> None:
    assert judge(measure(headers), Evidence(headers=headers, received=12, known=known)).reasons == ()


def test_series_that_the_rule_requires_and_that_did_not_come_make_it_suspect(headers: list[SliceHeader]) -> None:
    found = judge(measure(headers), Evidence(headers=headers, missing_series=1))
    assert (found.completeness, found.reasons) == (Completeness.SUSPECT, (Reason.REQUIRED_MISSING,))


def test_the_verdict_carries_the_numbers_it_rests_on(headers: list[SliceHeader]) -> None:
    endings = [association(AssociationEnding.RELEASED, 0), association(AssociationEnding.OPEN, 1)]
    found = judge(
        measure(headers), Evidence(headers=headers, associations=endings, received=13, known=12, quiet_seconds=10.04)
    )
    assert found.evidence == {
        "slices": 12,
        "received": 13,
        "announced": None,
        "known_to_pacs": 12,
        "associations": {"released": 1, "open": 1},
        "quiet_seconds": 10.0,
        "step_mm": 5.0,
        "widest_step_mm": 5.0,
        "gaps": 0,
        "thickness_mm": [5.0],
        "coverage_mm": 55.0,
        "tilt_degrees": 0.0,
        "orientation": "constant",
        "left_out": 0,
    }


def test_what_is_told_counts_images_places_and_series(headers: list[SliceHeader]) -> None:
    def told(given: list[SliceHeader], **more: int) -> list[str]:
        return list(judge(measure(given), Evidence(headers=given, **more)).remarks)  # type: ignore[arg-type]

    assert told(headers, unreadable=1) == ["1 image of the series cannot be read."]
    assert told(headers, unreadable=2) == ["2 images of the series cannot be read."]
    one_gap = [h for i, h in enumerate(headers) if i != 5]
    assert told(one_gap) == ["Slices are missing at 1 place: a step of 10.0 mm."]
    two_gaps = [h for i, h in enumerate(headers) if i not in (3, 7, 8)]
    assert told(two_gaps) == ["Slices are missing at 2 places: a step of 15.0 mm."]
    for number in (1, 2):
        assert told(headers, missing_series=number)[0].startswith(f"{number} other series of the study")


@pytest.mark.parametrize(("announced", "reasons"), [(11, ()), (12, ()), (13, (Reason.FEWER_THAN_ANNOUNCED,))])
def test_only_more_images_announced_than_came_speak_against_a_series(
    headers: list[SliceHeader], announced: int, reasons: tuple[Reason, ...]
) -> None:
    found = verdict([replace(h, images_in_acquisition=announced) for h in headers])
    assert (found.reasons, found.evidence["announced"]) == (reasons, announced)


def test_images_that_announce_different_counts_announce_none(headers: list[SliceHeader]) -> None:
    found = verdict([replace(h, images_in_acquisition=20 + i % 2) for i, h in enumerate(headers)])
    assert (found.reasons, found.evidence["announced"]) == ((), None)


def test_images_that_still_come_make_it_suspect(headers: list[SliceHeader]) -> None:
    found = judge(measure(headers), Evidence(headers=headers, still_receiving=True))
    assert (found.completeness, found.reasons) == (Completeness.SUSPECT, (Reason.MAX_AGE,))


def test_what_is_missing_comes_before_what_is_doubtful_and_both_are_told(headers: list[SliceHeader]) -> None:
    found = verdict(headers, association(AssociationEnding.LOST, 0), unreadable=3)
    assert found.completeness is Completeness.INCOMPLETE
    assert found.reasons == (Reason.UNREADABLE, Reason.ASSOCIATION_ABORTED)
    assert len(found.remarks) == 2


def test_the_numbers_are_rounded_and_the_widest_step_is_not_the_usual_one(headers: list[SliceHeader]) -> None:
    measured = replace(
        measure(headers),
        steps_mm=(5.0006, 5.0006, 7.12345),
        coverage_mm=55.54,
        tilt_degrees=12.34,
        consistent_orientation=False,
    )
    found = judge(measured, Evidence(headers=headers, quiet_seconds=1.26)).evidence
    assert (found["step_mm"], found["widest_step_mm"]) == (5.001, 7.123)
    assert (found["coverage_mm"], found["tilt_degrees"], found["quiet_seconds"]) == (55.5, 12.3, 1.3)
    assert found["orientation"] == "mixed"
    assert (found["received"], found["known_to_pacs"]) == (12, None)


def test_a_single_image_has_no_steps_and_images_of_other_parts_are_left_out(headers: list[SliceHeader]) -> None:
    found = judge(measure(headers[:1]), Evidence(headers=headers)).evidence
    assert (found["slices"], found["left_out"]) == (1, 11)
    assert (found["step_mm"], found["widest_step_mm"], found["quiet_seconds"]) == (None, None, 0.0)


def ended(ending: AssociationEnding, opened: int, closed: int | None) -> AssociationRecord:
    at = None if closed is None else START + timedelta(minutes=closed)
    return replace(association(ending, opened), ended_at=at)


@pytest.mark.parametrize(
    ("associations", "badly"),
    [
        ([], False),
        ([ended(AssociationEnding.OPEN, 0, None)], False),
        ([ended(AssociationEnding.LOST, 0, 5), ended(AssociationEnding.RELEASED, 1, 4)], True),
        ([ended(AssociationEnding.LOST, 0, 5), ended(AssociationEnding.RELEASED, 1, 5)], False),
        ([ended(AssociationEnding.LOST, 3, None), ended(AssociationEnding.RELEASED, 1, 2)], True),
        ([ended(AssociationEnding.LOST, 3, None), ended(AssociationEnding.RELEASED, 1, 3)], False),
        ([ended(AssociationEnding.LOST, 3, None), ended(AssociationEnding.RELEASED, 4, None)], False),
        (
            [
                ended(AssociationEnding.ABORTED, 0, 1),
                ended(AssociationEnding.RELEASED, 2, 3),
                ended(AssociationEnding.ABORTED, 4, 5),
            ],
            True,
        ),
        (
            [
                ended(AssociationEnding.ABORTED, 0, 2),
                ended(AssociationEnding.RELEASED, 0, 1),
                ended(AssociationEnding.RELEASED, 1, 3),
            ],
            False,
        ),
    ],
)
def test_only_a_release_after_the_last_break_makes_up_for_it(
    associations: list[AssociationRecord], badly: bool
) -> None:
    assert ended_badly(associations) is badly
