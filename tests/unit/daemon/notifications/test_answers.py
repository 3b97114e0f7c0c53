"""When a notification is done, tried again, or given up; and what an answer says."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.reports import request
from support.told import result_of

from hounsfield.daemon.config.destinations import Notifier
from hounsfield.daemon.delivery.retry import PERMANENT_ATTEMPTS, Complete, Decision, Discard, RetryLater
from hounsfield.daemon.notifications.answers import LONGEST_WISH, Accepted, Answer, NoAnswer, Refused, decide
from hounsfield.daemon.notifications.http_post import Response
from hounsfield.daemon.notifications.mllp import read_ack
from hounsfield.daemon.notifications.report_reader import report_of
from hounsfield.daemon.notifications.senders import secret_problem
from hounsfield.daemon.notifications.webhook import judge
from hounsfield.storage.records import ResultObject
from hounsfield.storage.states import Reason

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
IN_A_WEEK = NOW + timedelta(days=7)


def after(answer: Answer, attempts: int = 1, give_up_at: datetime | None = IN_A_WEEK, refusals: int = 0) -> Decision:
    return decide(answer, attempts, NOW, give_up_at, random.Random(1), refusals)


def test_who_has_it_is_not_told_again() -> None:
    assert after(Accepted()) == Complete()


def test_who_does_not_answer_is_told_for_as_long_as_configured() -> None:
    decision = after(NoAnswer("connection refused"), attempts=1000)
    assert isinstance(decision, RetryLater)
    assert decision.reason is Reason.NO_ANSWER
    assert after(NoAnswer("x"), give_up_at=NOW) == Discard(Reason.DEADLINE)


def test_who_refuses_is_asked_for_some_hours_and_then_no_more() -> None:
    waiting = after(Refused("AE"), attempts=1000, refusals=PERMANENT_ATTEMPTS - 1)
    assert isinstance(waiting, RetryLater)
    assert waiting.reason is Reason.REFUSED_MESSAGE
    assert after(Refused("AE"), refusals=PERMANENT_ATTEMPTS) == Discard(Reason.REFUSED_MESSAGE)


def test_a_receiver_may_put_us_off_for_an_hour_and_not_beyond_the_end() -> None:
    def wait(seconds: float, give_up_at: datetime = IN_A_WEEK) -> timedelta:
        decision = after(NoAnswer("HTTP 503", timedelta(seconds=seconds)), give_up_at=give_up_at)
        assert isinstance(decision, RetryLater)
        return decision.at - NOW

    assert wait(120) == timedelta(seconds=120)
    assert wait(10**9) == LONGEST_WISH
    assert wait(0) > timedelta(seconds=1), "never at once"
    assert wait(120, NOW + timedelta(seconds=30)) == timedelta(seconds=30)


ACK = b"MSH|^~\\&|RIS|KH|HOUNSFIELD||20260701||ACK^R01|1|P|2.5.1\r"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ACK + b"MSA|AA|abc\r", Accepted()),
        (ACK + b"MSA|CA|abc", Accepted()),
        (ACK.replace(b"\r", b"\n") + b"MSA|AA|abc|fine\n", Accepted()),
        (ACK.replace(b"|", b"#") + b"MSA#AA#abc\r", Accepted()),
        (ACK + b"MSA|AE|abc|Jane Doe is unknown\r", Refused("AE")),
        (ACK + b"MSA|AR|abc\r", Refused("AR")),
        (ACK + b"MSA|CE|abc\r", Refused("CE")),
        (ACK + b"MSA|CR|abc\r", Refused("CR")),
        (ACK + b"MSA|AA|another\r", NoAnswer("the acknowledgment is about another message")),
        (ACK + b"MSA|AA\r", NoAnswer("the answer acknowledges nothing")),
        (ACK + b"MSA|XX|abc\r", NoAnswer("the acknowledgment has an unknown code")),
        (ACK, NoAnswer("the answer acknowledges nothing")),
        (b"HTTP/1.1 400 Bad Request", NoAnswer("the answer is no HL7 message")),
        (b"MSH", NoAnswer("the answer is no HL7 message")),
        (b"", NoAnswer("the connection ended before an acknowledgment")),
        (b"\xff\xfe" * 500, NoAnswer("the answer is no HL7 message")),
    ],
)
def test_an_acknowledgment_counts_only_for_the_message_it_names(answer: bytes, expected: Answer) -> None:
    assert read_ack(answer, "abc") == expected


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        (200, "", Accepted()),
        (204, "", Accepted()),
        (302, "", Refused("HTTP 302")),
        (401, "", Refused("HTTP 401")),
        (404, "60", Refused("HTTP 404")),
        (408, "", NoAnswer("HTTP 408")),
        (425, "", NoAnswer("HTTP 425")),
        (429, "60", NoAnswer("HTTP 429", timedelta(seconds=60))),
        (503, "Wed, 01 Jul 2026 12:02:00 GMT", NoAnswer("HTTP 503", timedelta(seconds=120))),
        (503, "Wed, 01 Jul 2020 12:02:00 GMT", NoAnswer("HTTP 503", timedelta())),
        (500, "tomorrow", NoAnswer("HTTP 500")),
        (500, "9" * 400, NoAnswer("HTTP 500", timedelta(seconds=999_999_999))),
        (500, "²", NoAnswer("HTTP 500")),
    ],
)
def test_a_status_says_whether_it_was_taken_refused_or_comes_too_early(
    status: int, retry_after: str, expected: Answer
) -> None:
    assert judge(Response(status, retry_after), NOW) == expected


def test_it_is_told_from_the_report_of_the_default_profile_and_never_from_a_variant() -> None:
    def made(uid: str, role: str = "sr", profile: str = "", variant_of: str | None = None) -> ResultObject:
        return ResultObject(
            role=role,
            sop_class_uid="1.2",
            sop_instance_uid=uid,
            sha256="",
            size=1,
            profile=profile,
            variant_of=variant_of,
        )

    asked = request()
    german, variant = made("1.1", profile="ab"), made("1.2", variant_of="1.1")
    assert report_of(result_of(asked, made("1.0", role="sc"), german, variant, made("1.3"))) == made("1.3")
    assert report_of(result_of(asked, variant, german)) == german
    assert report_of(result_of(asked, made("1.0", role="sc"), variant)) is None


def test_a_secret_that_is_missing_empty_or_open_to_others_is_told(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    notifier = Notifier(name="hook", kind="webhook", url="https://worklist.example.org/", secret_file=file)
    assert "cannot be read" in secret_problem(notifier)
    file.write_bytes(b"\n")
    file.chmod(0o600)
    assert "is empty" in secret_problem(notifier)
    file.write_bytes(b"s3cret\n")
    assert secret_problem(notifier) == ""
    file.chmod(0o644)
    assert "open to every user" in secret_problem(notifier)
    assert "s3cret" not in secret_problem(notifier)
