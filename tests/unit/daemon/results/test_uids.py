"""The same analysis has the same UIDs; whatever may change the content changes them."""

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest
from support.reports import NOON, facts, request, series

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import InstanceReference, ReportRequest
from hounsfield.daemon.results.uids import tracking_uid
from hounsfield.storage.states import Outcome, Reason

ROLES = ("sr", "sc")
IMAGES = series()
PREDECESSOR = InstanceReference(study_uid="1.2", series_uid="1.2.3", sop_class_uid="1.2.4", sop_instance_uid="1.2.5")


def uids(wanted: ReportRequest, roles: tuple[str, ...] = ROLES) -> list[str]:
    return [built.sop_instance_uid for built in build(wanted, roles)]


def test_the_same_request_gives_the_same_bytes() -> None:
    first, second = build(request(sources=IMAGES), ROLES), build(request(sources=series()), ROLES)
    assert first == second


def test_objects_of_one_layout_keep_their_uids() -> None:
    """An upgrade must not make new instances of the same content; other content needs another layout number."""
    assert {outcome: uids(request(outcome, sources=IMAGES)) for outcome in Outcome} == {
        Outcome.POSITIVE: [
            "2.25.246320000836684962793825465552601985778",
            "2.25.61203108631720822686926180252871783019",
        ],
        Outcome.NEGATIVE: [
            "2.25.12111887435489304369017756041809206842",
            "2.25.254794869836548721877086890403818481621",
        ],
        Outcome.NOT_ANALYSED: [
            "2.25.24319913613888899768883644234680889531",
            "2.25.218564523759032593701384649525631171357",
        ],
    }


def test_a_later_try_gives_the_same_uids() -> None:
    later = request(sources=IMAGES, created=NOON + timedelta(hours=1))
    assert uids(later) == uids(request(sources=IMAGES))


@pytest.mark.parametrize(
    "change",
    [
        {"identity": "ef" * 32},
        {"revision": 2},
        {"part": "ef" * 32},
        {"bundle": facts(sha256="ef" * 32)},
        {"bundle": facts(parameters="other")},
        {"predecessors": (PREDECESSOR,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_input_gives_other_uids(change: dict[str, Any]) -> None:
    before, after = uids(request(sources=IMAGES)), uids(request(sources=IMAGES, **change))
    assert not set(before) & set(after)


def test_the_same_images_under_another_series_uid_give_another_report() -> None:
    """A router that splits or copies series may keep the SOP Instance UIDs, which alone are in the identity."""
    elsewhere = series()
    for image in elsewhere:
        image.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.99"
    assert not set(uids(request(sources=IMAGES))) & set(uids(request(sources=elsewhere)))


def test_each_outcome_and_reason_has_uids_of_its_own() -> None:
    requests = [request(outcome, sources=IMAGES) for outcome in Outcome]
    requests.append(dataclasses.replace(requests[-1], reason=Reason.MODEL_CRASHED))
    found = [uid for wanted in requests for uid in uids(wanted)]
    assert len(set(found)) == 2 * len(requests)


def test_a_report_that_names_no_companion_is_another_report() -> None:
    assert uids(request(sources=IMAGES), ("sr",)) != uids(request(sources=IMAGES))[:1]


def test_uids_are_derived_from_uuids_and_fit() -> None:
    for uid in uids(request(sources=IMAGES)):
        assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", uid)


def test_a_finding_is_tracked_over_revisions_and_model_versions() -> None:
    tracked = tracking_uid("1.2.3", "1386000")
    assert tracked == tracking_uid("1.2.3", "1386000")
    assert len({tracked, tracking_uid("1.2.3", "1386000", "1.2.3.4"), tracking_uid("1.2.9", "1386000")}) == 3


def test_two_reconstructions_of_a_series_are_tracked_apart() -> None:
    parts = ("", "ab" * 32, "cd" * 32)
    assert len({tracking_uid("1.2.3", "1386000", "", part) for part in parts}) == 3
    assert tracking_uid("1.2.3", "1386000", "", "") == tracking_uid("1.2.3", "1386000")
