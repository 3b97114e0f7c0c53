"""alarms.webhook hears of each beginning and each end, in order, signed, whatever happens in between."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.fakes import ManualClock
from support.peers import free_port
from support.webhook_server import Webhook, webhook_server

from hounsfield.daemon.alarms.messenger import OLD, AlarmMessenger
from hounsfield.daemon.config.operation import AlarmSettings
from hounsfield.daemon.notifications.webhook import signature
from hounsfield.storage.alarms import AlarmKind, Condition, Told
from hounsfield.storage.engine import Database, open_database

DISK = AlarmKind.DISK


@pytest.fixture(scope="module")
def server() -> Iterator[Webhook]:
    with webhook_server() as webhook:
        yield webhook


@pytest.fixture
def webhook(server: Webhook) -> Webhook:
    server.posted.clear()
    server.headers.clear()
    server.status = 204
    return server


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def messenger(database: Database, clock: ManualClock, url: str, secret: Path | None = None) -> AlarmMessenger:
    settings = AlarmSettings(webhook=url, webhook_secret_file=secret)
    return AlarmMessenger(settings, database.alarms, "St. Elsewhere", clock, random.Random(1))


def wrong(database: Database, clock: ManualClock, *subjects: str) -> None:
    """Say what is wrong now, and let a second pass."""
    conditions = [Condition(kind=DISK, subject=one, detail={"free_percent": 4, "do": "make room"}) for one in subjects]
    database.alarms.set([DISK], conditions, clock.now())
    clock.advance(1)


def heard(webhook: Webhook) -> list[tuple[str, str]]:
    return [(said["event"], said["subject"]) for said in map(document, webhook.posted)]


def document(posted: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(posted.body)
    return said


def test_a_beginning_and_an_end_are_posted_once_each(database: Database, clock: ManualClock, webhook: Webhook) -> None:
    teller = messenger(database, clock, webhook.url)
    assert not teller.work_one()
    wrong(database, clock, "spool")
    clock.advance(1)
    assert [teller.work_one(), teller.work_one()] == [True, False]
    wrong(database, clock)
    clock.advance(1)
    assert [teller.work_one(), teller.work_one()] == [True, False]
    began, ended = map(document, webhook.posted)
    assert (began["event"], began["ended_at"], began["detail"]) == ("began", None, {"free_percent": 4})
    assert (ended["event"], ended["alarm"], ended["began_at"]) == ("ended", began["alarm"], began["began_at"])
    assert (began["kind"], began["site"], began["do"]) == ("disk", "St. Elsewhere", "make room")
    assert began["message_id"] == webhook.posted[0].headers["Idempotency-Key"] != ended["message_id"]
    assert "X-Hounsfield-Signature" not in webhook.posted[0].headers


def test_news_come_in_the_order_in_which_they_happened(
    database: Database, clock: ManualClock, webhook: Webhook
) -> None:
    wrong(database, clock, "first")
    wrong(database, clock, "first", "second")
    wrong(database, clock, "second", "third")
    teller = messenger(database, clock, webhook.url)
    assert [teller.work_one() for _ in range(5)] == [True] * 4 + [False]
    assert heard(webhook) == [("began", "first"), ("began", "second"), ("ended", "first"), ("began", "third")]


def test_documents_are_signed_where_there_is_a_secret(
    database: Database, clock: ManualClock, webhook: Webhook, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    wrong(database, clock, "spool")
    assert messenger(database, clock, webhook.url, secret).work_one()
    (posted,) = webhook.posted
    stamp = posted.headers["X-Hounsfield-Timestamp"]
    assert posted.headers["X-Hounsfield-Signature"] == signature(b"open sesame", stamp, posted.body)


def test_nothing_is_posted_unsigned_when_the_secret_cannot_be_read(
    database: Database, clock: ManualClock, webhook: Webhook, tmp_path: Path
) -> None:
    wrong(database, clock, "spool")
    assert not messenger(database, clock, webhook.url, tmp_path / "gone").work_one()
    assert webhook.posted == []


@pytest.mark.parametrize("status", [500, 403])
def test_who_does_not_take_it_is_asked_again_later_and_nothing_is_lost(
    database: Database, clock: ManualClock, webhook: Webhook, status: int
) -> None:
    webhook.status = status
    wrong(database, clock, "spool")
    teller = messenger(database, clock, webhook.url)
    for _ in range(50):
        teller.work_one()
        clock.advance(60)
    assert 5 < len(webhook.posted) < 20, "with pauses of up to 15 minutes"
    wrong(database, clock)
    webhook.status, before = 204, len(webhook.posted)
    clock.advance(900)
    after_restart = messenger(database, clock, webhook.url)
    assert [after_restart.work_one() for _ in range(3)] == [True, True, False]
    assert heard(webhook)[before:] == [("began", "spool"), ("ended", "spool")]


def test_a_receiver_that_is_away_stops_nothing(database: Database, clock: ManualClock) -> None:
    wrong(database, clock, "spool")
    assert not messenger(database, clock, f"http://127.0.0.1:{free_port()}/").work_one()
    assert [one.told for one in database.alarms.open()] == [Told.NOTHING]


def test_what_was_over_long_before_anybody_listened_is_not_told_but_what_is_open_is(
    database: Database, clock: ManualClock, webhook: Webhook
) -> None:
    wrong(database, clock, "over", "open")
    wrong(database, clock, "open")
    clock.advance((OLD + timedelta(seconds=5)).total_seconds())
    teller = messenger(database, clock, webhook.url)
    assert [teller.work_one(), teller.work_one()] == [True, False]
    assert heard(webhook) == [("began", "open")]
