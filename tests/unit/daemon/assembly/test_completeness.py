"""The verdict on completeness comes from evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.assembly.completeness import Evidence, judge
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
