"""Signed JSON documents over HTTP.

The document (fields are only ever added)::

    schema         "hounsfield.notification/1"
    message_id     the same at every try, also the header Idempotency-Key: who gets it twice can know it
    test           true for a message of `hounsfield notify test`: about nobody
    kind           "analysis", "reissue" or "retraction" (the result was taken back: do not use it)
    job            number of the INFER job, as `hounsfield jobs show` takes it
    created        when the result was made, ISO 8601 UTC
    outcome        "positive", "negative" (not flagged: this excludes nothing) or "not_analysed"
    reason         code why not analysed, else null
    score          number, null where not analysed; no probability unless the bundle is calibrated
    findings       what the report says of each label of the bundle, in its order: {"code", "scheme", "meaning", "site",
                   "flagged", "score"}; "flagged" is false where the report does not call it present, which excludes
                   nothing; "score" is null where not analysed; empty for a retraction
    summary        the result in words
    bundle         {"name", "version"}
    study_instance_uid, series_instance_uid (of the images), report_sop_instance_uid
    notice         that it is not for diagnosis
    patient        only with include_patient: {"id", "issuer", "name", "birth_date", "sex", "accession_number"};
                   "name" as DICOM writes it (alphabetic=ideographic=phonetic)

Signature: the header X-Hounsfield-Signature is ``sha256=`` and the HMAC-SHA-256 (hex) of
``<X-Hounsfield-Timestamp>.<body>`` under the secret; the timestamp is in Unix seconds. A receiver compares in constant
time and refuses old timestamps.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.moments import iso_utc
from hounsfield.daemon.notifications.answers import Accepted, Answer, NoAnswer, Refused
from hounsfield.daemon.notifications.facts import FindingFacts, NameParts, ResultFacts
from hounsfield.daemon.notifications.http_post import PostFailed, Response, post
from hounsfield.daemon.results.languages import WORDS
from hounsfield.storage.states import ResultKind

SCHEMA = "hounsfield.notification/1"
LONGEST_SECRET = 4096
_PATIENCE = (408, 425, 429)
"""Request Timeout, Too Early, Too Many Requests: the only refusals of a client that pass by themselves."""


class WebhookSender:
    """Posts documents to one URL."""

    def __init__(
        self, url: str, secret_file: Path, *, include_patient: bool, timeout_seconds: float, clock: Clock
    ) -> None:
        self._url = url
        self._secret_file = secret_file
        self._include_patient = include_patient
        self._timeout = timeout_seconds
        self._clock = clock

    def send(self, facts: ResultFacts) -> Answer:
        """Post the document; the secret is read anew, so that it can be changed without a restart."""
        try:
            secret = read_secret(self._secret_file)
        except (OSError, ValueError):
            return NoAnswer("secret_file cannot be read or is empty")
        body = document(facts, include_patient=self._include_patient)
        return post_document(self._url, body, facts.message_id, secret, self._timeout, self._clock.now())


def post_document(
    url: str, body: bytes, message_id: str, secret: bytes | None, timeout_seconds: float, now: datetime
) -> Answer:
    """Post a document under its message id, signed where there is a ``secret``, and return what the answer means."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": message_id}
    if secret is not None:
        timestamp = str(int(now.timestamp()))
        headers["X-Hounsfield-Timestamp"] = timestamp
        headers["X-Hounsfield-Signature"] = signature(secret, timestamp, body)
    try:
        return judge(post(url, body, headers, timeout_seconds), now)
    except PostFailed as failure:
        return NoAnswer(str(failure))


def document(facts: ResultFacts, *, include_patient: bool) -> bytes:
    """Return the body: JSON in ASCII, keys sorted, so that the same facts give the same bytes."""
    content: dict[str, object] = {
        "schema": SCHEMA,
        "message_id": facts.message_id,
        "test": facts.test,
        "kind": str(facts.kind),
        "job": facts.job_id,
        "created": iso_utc(facts.created),
        "outcome": str(facts.outcome),
        "reason": None if facts.reason is None else str(facts.reason),
        "score": facts.score,
        "findings": [] if facts.kind is ResultKind.RETRACTION else [_finding(one) for one in facts.findings],
        "summary": facts.summary,
        "bundle": {"name": facts.bundle, "version": facts.bundle_version},
        "study_instance_uid": facts.study_uid,
        "series_instance_uid": facts.series_uid,
        "report_sop_instance_uid": facts.report_uid,
        "notice": WORDS["en"].disclaimer,
    }
    if include_patient:
        patient = facts.patient
        content["patient"] = {
            "id": patient.id,
            "issuer": patient.issuer,
            "name": "=".join(map(_group, (patient.alphabetic, patient.ideographic, patient.phonetic))).rstrip("="),
            "birth_date": patient.birth_date,
            "sex": patient.sex,
            "accession_number": facts.order.accession_number,
        }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _finding(one: FindingFacts) -> dict[str, object]:
    return {
        "code": one.concept.value,
        "scheme": one.concept.scheme,
        "meaning": one.concept.meaning,
        "site": None if one.site is None else one.site.meaning,
        "flagged": one.is_present,
        "score": float(one.score_text) if one.score_text else None,
    }


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the value of X-Hounsfield-Signature."""
    return "sha256=" + hmac.new(secret, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def read_secret(file: Path) -> bytes:
    """Return the secret without the line end that editors add; raise OSError or ValueError, never with the secret."""
    with file.open("rb") as opened:
        secret = opened.read(LONGEST_SECRET).rstrip(b"\r\n")
    if not secret:
        raise ValueError("the secret is empty")
    return secret


def judge(response: Response, now: datetime) -> Answer:
    """Return what a status means (RFC 9110 section 15). A redirection is a refusal: nobody else gets the document."""
    status = response.status
    if 200 <= status < 300:
        return Accepted()
    if status >= 500 or status in _PATIENCE:
        return NoAnswer(f"HTTP {status}", _wish(response.retry_after, now))
    return Refused(f"HTTP {status}")


def _wish(retry_after: str, now: datetime) -> timedelta | None:
    """Return the delay of a Retry-After (RFC 9110 section 10.2.3): seconds or a date; None if it is neither."""
    stripped = retry_after.strip()
    if stripped.isascii() and stripped.isdigit():
        return timedelta(seconds=int(stripped[:9]))
    try:
        date = parsedate_to_datetime(stripped)
        return max(date.replace(tzinfo=date.tzinfo or UTC) - now, timedelta())
    except (ValueError, TypeError, OverflowError):
        return None


def _group(name: NameParts) -> str:
    return "^".join((name.family, name.given, name.middle, name.prefix, name.suffix)).rstrip("^")
