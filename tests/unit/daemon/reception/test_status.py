"""What a C-STORE is answered, by the numbers of the standard (PS3.4 table B.2-1)."""

import pytest

from hounsfield.daemon.errors import ReceptionError
from hounsfield.daemon.reception.status import InstanceRefused, Status

OUT_OF_RESOURCES = {"NO_SPACE", "DATABASE_DOWN", "STOPPING", "PAUSED", "TOO_LARGE", "INTERNAL"}
DOES_NOT_MATCH = {"CLASS_MISMATCH", "INSTANCE_MISMATCH"}
CANNOT_UNDERSTAND = {"NOT_A_DATASET", "TRUNCATED", "TOO_DEEP", "UNUSABLE_UID"}
AGAIN = "try again later"


def test_only_what_is_stored_is_answered_with_success() -> None:
    assert [status for status in Status if status.code == 0x0000] == [Status.STORED]
    assert Status.STORED.comment == ""


@pytest.mark.parametrize(
    ("code", "names"), [(0xA700, OUT_OF_RESOURCES), (0xA900, DOES_NOT_MATCH), (0xC000, CANNOT_UNDERSTAND)]
)
def test_a_refusal_has_the_code_of_its_kind(code: int, names: set[str]) -> None:
    assert {status.name for status in Status if status.code == code} == names


def test_a_sender_is_told_why_in_no_more_than_the_64_characters_of_an_error_comment() -> None:
    refusals = [status for status in Status if status is not Status.STORED]
    assert len({status.comment for status in refusals}) == len(refusals)
    assert all(0 < len(status.comment) <= 64 and status.comment.isascii() for status in refusals)


def test_who_is_to_try_again_later_is_told_so_and_nobody_else() -> None:
    passing = OUT_OF_RESOURCES - {"TOO_LARGE"}
    assert {status.name for status in Status if AGAIN in status.comment} == passing


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.STORED])
def test_a_refusal_carries_what_the_sender_is_told(status: Status) -> None:
    refused = InstanceRefused(status)
    assert isinstance(refused, ReceptionError)
    assert refused.status is status
    assert refused.problem == status.comment
    assert "sender" in refused.remedy
