"""The facts of a test message: about nobody, and saying so in every field that a person may see."""

import secrets
from datetime import datetime

from hounsfield.daemon.notifications.facts import NameParts, Order, Patient, ResultFacts
from hounsfield.daemon.notifications.report_reader import message_id
from hounsfield.model.findings import CodedConcept
from hounsfield.storage.states import Outcome, ResultKind

TEST_TEXT = "TEST MESSAGE of Hounsfield - no patient, no result. Not for diagnosis."


def trial_facts(now: datetime) -> ResultFacts:
    """Return the facts of a new test message; each has an id of its own. ``now`` is aware UTC."""
    moment = now.strftime("%Y%m%d%H%M%S+0000")
    return ResultFacts(
        message_id=message_id(secrets.token_hex(16)),
        job_id=0,
        kind=ResultKind.ANALYSIS,
        outcome=Outcome.NOT_ANALYSED,
        reason=None,
        reason_words="",
        score=None,
        bundle="test",
        bundle_version="0",
        study_uid="",
        series_uid="",
        report_uid="",
        created=now,
        reported_at=moment,
        study_at=moment,
        summary=TEST_TEXT,
        comment=TEST_TEXT,
        processing=None,
        findings=(),
        patient=Patient(id="HOUNSFIELD-TEST", alphabetic=NameParts(family="TEST", given="HOUNSFIELD")),
        order=Order(accession_number="HOUNSFIELD-TEST", procedure=CodedConcept("TEST", "99HOUNSFIELD", "Test message")),
        test=True,
    )
