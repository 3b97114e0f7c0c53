"""Rows and the page of series."""

from dataclasses import asdict
from typing import Any

from support.rows import SERIES_UID, at, event_row, series_row
from support.stored import receipt

from hounsfield.daemon.console.pages.series_view import SeriesFacts, image_groups, series_line, series_page, uid_name
from hounsfield.daemon.console.pages.shown import Veil
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.storage.records import AssociationRecord, InstanceRecord, Verdict
from hounsfield.storage.states import AssociationEnding, Completeness, Reason, SeriesState, Stage

VEIL = Veil(lambda uid: f"h:{sum(map(ord, uid)):012x}")


def image(number: int, **changes: Any) -> InstanceRecord:
    base = receipt(number, **{key: changes.pop(key) for key in ("calling_ae", "role") if key in changes})
    stored: dict[str, Any] = {"id": number, "series_id": 1, "revision": 1, "is_primary": True, "copies": 1}
    return InstanceRecord(**asdict(base) | stored | changes)


def facts(**changes: Any) -> SeriesFacts:
    fields: dict[str, Any] = {
        "series": series_row(),
        "verdicts": {},
        "instances": (),
        "associations": (),
        "events": (),
        "jobs": (),
    }
    return SeriesFacts(**fields | changes)


def test_a_held_series_tells_why_since_when_and_what_to_do() -> None:
    held = series_row(state=SeriesState.HELD, reason=Reason.CONFLICT)
    line = series_line(held, at(77), VEIL)
    assert (line.state.words, line.state.more, line.since) == ("HELD", "conflict", at(77))
    assert line.advice is not None
    assert "different content" in line.advice.meaning
    assert (line.can_release, line.can_discard) == (True, True)


def test_a_series_of_two_patients_can_only_be_discarded() -> None:
    line = series_line(series_row(state=SeriesState.HELD, reason=Reason.TWO_PATIENTS), None, VEIL)
    assert (line.can_release, line.can_discard) == (False, True)
    closed = series_line(series_row(), None, VEIL)
    assert (closed.can_release, closed.can_discard, closed.advice) == (False, False, None)


def test_a_series_whose_images_came_again_can_be_released_as_its_reason_advises() -> None:
    held = series_row(state=SeriesState.HELD, reason=Reason.IMAGES_REMOVED)
    assert "hounsfield series release" in REASON_TEXTS[Reason.IMAGES_REMOVED].advice
    assert series_line(held, None, VEIL).can_release


def test_images_are_counted_by_what_they_are_and_who_sent_them() -> None:
    groups = image_groups([image(1), image(2, copies=3), image(3, is_primary=False), image(4, calling_ae="CT2")])
    assert [(one.sender, one.images, one.further, one.copies) for one in groups] == [("CT1", 2, 1, 2), ("CT2", 1, 0, 0)]
    assert groups[0].sop_class == "CT Image Storage"


def test_an_unknown_class_keeps_its_number() -> None:
    assert uid_name("1.2.3.4") == "1.2.3.4"


def test_the_page_of_a_series_holds_its_revisions_newest_first_and_its_turns() -> None:
    events = (
        event_row(job_id=None, stage=Stage.ASSEMBLE, from_state="RECEIVING", to_state="HELD", at=at(6)),
        event_row(job_id=None, stage=Stage.ASSEMBLE, from_state="HELD", to_state="RECEIVING", detail={"by": "anna"}),
    )
    association = AssociationRecord(
        id="a",
        receiver="r",
        calling_ae="CT\x1b1",
        called_ae="US",
        peer_address="192.0.2.1",
        opened_at=at(0),
        ending=AssociationEnding.ABORTED,
    )
    whole = Verdict(completeness=Completeness.COMPLETE)
    page = series_page(facts(events=events, associations=(association,), verdicts={1: whole, 2: None}), VEIL)
    assert [one.number for one in page.revisions] == [2, 1]
    assert page.turns[1].by == "anna"
    assert (page.connections[0].sender, page.connections[0].ending) == ("CT\\x1b1", "aborted")


def test_remarks_and_advice_stand_where_they_belong() -> None:
    changes = {"reason": Reason.CONFLICT, "remarks": ("Two images differ.",)}
    held = series_page(facts(series=series_row(state=SeriesState.HELD, **changes)), VEIL)
    assert (held.remarks, held.advice is None) == (("Two images differ.",), False)
    closed = series_page(facts(series=series_row(**changes)), VEIL)
    assert (closed.remarks, closed.advice) == ((), None)


def test_held_since_is_the_last_time_it_was_held() -> None:
    held = series_row(state=SeriesState.HELD, reason=Reason.CONFLICT)
    events = tuple(event_row(job_id=None, to_state="HELD", at=at(second)) for second in (6, 60))
    assert series_page(facts(series=held, events=events), VEIL).line.since == at(60)


def test_uids_stand_on_the_page_only_where_somebody_asked() -> None:
    assert SERIES_UID not in repr(series_page(facts(), VEIL))
    shown = series_page(facts(), VEIL, reveal=True)
    assert (shown.series_uid, shown.study_uid) == (SERIES_UID, "1.2.826.0.1.3680043.8.498.2")
