"""Tells whoever listens at ``alarms.webhook``: each beginning and each end once, in their order.

The document (fields are only ever added)::

    schema         "hounsfield.alarm/1"
    message_id     the same at every try, also the header Idempotency-Key: who gets it twice can know it
    event          "began" or "ended"
    alarm          number of the alarm: beginning and end have the same
    kind           one of `hounsfield alarms`, as "destination-down"
    subject        what it is about, as the name of a destination; empty where there is only one
    text           the same in words
    do             what the operator can do
    detail         numbers and words that say how bad it is
    began_at       ISO 8601 UTC
    ended_at       ISO 8601 UTC, null while it is open
    site           name of the site, as configured

Signed as other webhooks are (``hounsfield.daemon.notifications.webhook``) where there is a secret. No patient data.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from hounsfield.daemon.alarms.words import BEGINS, ENDS, facts, remedy
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.operation import AlarmSettings
from hounsfield.daemon.moments import iso_utc
from hounsfield.daemon.notifications.answers import Accepted, Answer, NoAnswer, detail_of, pause_after
from hounsfield.daemon.notifications.webhook import post_document, read_secret
from hounsfield.storage.alarms import Alarm, AlarmStore, Told

log = structlog.get_logger("hounsfield.alarms")

SCHEMA = "hounsfield.alarm/1"
LOOK_SECONDS = 1.0
"""How often news are looked for."""
TIMEOUT_SECONDS = 10.0
OLD = timedelta(days=1)
"""What began and ended unheard longer ago is not told any more."""


@dataclass(frozen=True, slots=True)
class News:
    """A beginning or an end."""

    alarm: Alarm
    told: Told
    """What is told with it."""

    @property
    def at(self) -> datetime:
        """When it happened."""
        ended = self.alarm.ended_at
        return ended if self.told is Told.END and ended is not None else self.alarm.began_at


class AlarmMessenger:
    """Used by one thread of one process in the service; ``work_one`` may be called any number of times.

    Only news that was told and not noted (a crash, a database that was gone) is told twice, under its one message id.
    """

    def __init__(
        self, settings: AlarmSettings, alarms: AlarmStore, site: str, clock: Clock, random_source: random.Random
    ) -> None:
        self._settings = settings
        self._alarms = alarms
        self._site = site
        self._clock = clock
        self._random = random_source
        self._look_at = clock.monotonic()
        self._failures = 0

    def work_one(self) -> bool:
        """Tell the oldest news; False when there are none, or it is too early. Raise StorageError."""
        if self._clock.monotonic() < self._look_at:
            return False
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        news = self._oldest()
        if news is None:
            return False
        answer = self._post(news)
        if isinstance(answer, Accepted):
            self._alarms.mark_told(news.alarm.id, news.told)
            self._look_at = self._clock.monotonic()
            self._failures = 0
            return True
        self._wait(answer)
        return False

    def _oldest(self) -> News | None:
        now = self._clock.now()
        news: list[News] = []
        for alarm in self._alarms.untold():
            if alarm.told is Told.NOTHING and alarm.ended_at is not None and now - alarm.ended_at > OLD:
                self._alarms.mark_told(alarm.id, Told.END)
                continue
            news += _news_of(alarm)
        return min(news, key=lambda one: (one.at, one.alarm.id), default=None)

    def _post(self, news: News) -> Answer:
        url, file = self._settings.webhook or "", self._settings.webhook_secret_file
        try:
            secret = None if file is None else read_secret(file)
        except (OSError, ValueError):
            return NoAnswer("alarms.webhook_secret_file cannot be read or is empty")
        body = document(news, self._site)
        return post_document(url, body, message_id(news), secret, TIMEOUT_SECONDS, self._clock.now())

    def _wait(self, answer: Answer) -> None:
        """Nobody is given up: an administrator sets a refusal right, and the news must not be lost meanwhile."""
        self._failures += 1
        self._look_at = self._clock.monotonic() + pause_after(answer, self._failures, self._random).total_seconds()
        if self._failures == 1:
            log.warning("alarms wait to be told to alarms.webhook", problem=detail_of(answer).get("answer", ""))


def _news_of(alarm: Alarm) -> Iterator[News]:
    if alarm.told is Told.NOTHING:
        yield News(alarm, Told.BEGINNING)
    if alarm.ended_at is not None:
        yield News(alarm, Told.END)


def message_id(news: News) -> str:
    """Return what is the same at every try; the time makes it another after the database was made anew."""
    return f"alarm-{news.alarm.id}-{int(news.alarm.began_at.timestamp())}-{news.told}"


def document(news: News, site: str) -> bytes:
    """Return the body: JSON in ASCII, keys sorted."""
    alarm, is_end = news.alarm, news.told is Told.END
    content = {
        "schema": SCHEMA,
        "message_id": message_id(news),
        "event": "ended" if is_end else "began",
        "alarm": alarm.id,
        "kind": str(alarm.kind),
        "subject": alarm.subject,
        "text": (ENDS if is_end else BEGINS)[alarm.kind],
        "do": remedy(alarm),
        "detail": facts(alarm),
        "began_at": iso_utc(alarm.began_at, "milliseconds"),
        "ended_at": iso_utc(alarm.ended_at, "milliseconds") if is_end and alarm.ended_at is not None else None,
        "site": site,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str).encode("ascii")
