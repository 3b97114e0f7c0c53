"""Text that comes from the network or out of a bundle stays text on every page."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from support.browser import Browser
from support.bundles import manifest_fields
from support.console import console_app, console_parts, console_settings
from support.fakes import ManualClock
from support.recording import open_association, register
from support.stored import association, at, receipt

from hounsfield.daemon.console.pages.card import FILE
from hounsfield.model.toml_text import toml_text
from hounsfield.storage.engine import open_database
from hounsfield.storage.peer_records import Sighting, SightingReason
from hounsfield.storage.records import DeliveryRequest, InferRequest, ResultSet, Verdict
from hounsfield.storage.states import Completeness, JobKind, Outcome, Reason

EVIL = "<script>alert(1)</script>"
SHORT = "<b>\"'&"
"""Fits an AE title."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    home = tmp_path_factory.mktemp("home")
    database = open_database(None, home)
    open_association(database.series, association())
    register(database.series, receipt(1, calling_ae=SHORT))
    series = database.series.receiving()[0]
    verdict = Verdict(
        completeness=Completeness.SUSPECT, reasons=(Reason.GAP,), remarks=(EVIL,), evidence={EVIL: {EVIL: [EVIL]}}
    )
    request = InferRequest(bundle=EVIL, bundle_version=EVIL, bundle_sha256="b" * 64, rule=EVIL, destinations=(EVIL,))
    images = [one.id for one in database.series.instances(series.id)]
    assert database.series.close(series, images, verdict, [request], at(20), rule=EVIL)
    claim = database.jobs.claim([JobKind.INFER], EVIL, timedelta(seconds=60), at(30))
    assert claim is not None
    database.jobs.record_progress(claim, EVIL, 0.1, at(31))
    result = ResultSet(
        identity="1" * 64,
        outcome=Outcome.POSITIVE,
        reason=None,
        score=0.9,
        device=EVIL,
        objects=(),
        detail={
            "remarks": [EVIL],
            "scores": {EVIL: 0.9},
            "thresholds": {EVIL: 0.5},
            "slice_scores": [0.9],
            "slice_thresholds": {EVIL: 0.5},
            "runtime": {EVIL: EVIL},
        },
    )
    delivery = DeliveryRequest(destination=EVIL, give_up_at=at(9999))
    assert database.jobs.complete_infer(claim, result, [delivery], at(32), {EVIL: 1.0})
    database.peers.saw(
        [
            Sighting(
                calling_ae=SHORT,
                called_ae=SHORT,
                address=EVIL,
                reason=SightingReason.UNKNOWN_PEER,
                admitted=admitted,
                first_seen_at=at(1),
                last_seen_at=at(2),
            )
            for admitted in (True, False)
        ]
    )
    _install_bundle(home)
    return Browser(console_app(console_parts(database, home, console_settings(home), ManualClock(at(60)))))


def _install_bundle(home: Path) -> None:
    card = (
        f"# {EVIL}\n\n{EVIL} **{EVIL}** `{EVIL}`\n\n- {EVIL}\n\n|{EVIL}|b|\n|---|---|\n|c|{EVIL}|\n\n```\n{EVIL}\n```\n"
    )
    folder = home / "bundles" / "tiny" / f"0.1.0-{'a' * 8}"
    folder.mkdir(parents=True)
    (folder / FILE).write_text(card, encoding="utf-8")
    fields = manifest_fields() | {
        "title": EVIL,
        "intended_use": EVIL,
        "banner": EVIL,
        "files": {FILE: hashlib.sha256(card.encode()).hexdigest()},
    }
    (folder / "manifest.toml").write_text(toml_text(fields), encoding="utf-8")


@pytest.mark.parametrize("path", ["/jobs", "/jobs/1", "/jobs/2", "/series", "/series/1", "/sites", "/models"])
def test_no_text_becomes_markup(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status == 200
    assert EVIL not in answer.text
    assert "<b>" not in answer.text
    assert "style=" not in answer.text, "the Content-Security-Policy forbids inline style"
    assert " onclick" not in answer.text


def test_the_evil_text_is_there_as_text(browser: Browser) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.get("/jobs/1").text
    assert "&lt;b&gt;" in browser.get("/sites").text


def test_what_is_typed_into_an_address_comes_back_as_text(browser: Browser) -> None:
    answer = browser.get("/jobs?scanner=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status == 200
    assert EVIL not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_bundle_full_of_markup_stays_text(browser: Browser) -> None:
    text = browser.get("/models").text
    assert "tiny" in text
    assert text.count("&lt;script&gt;alert(1)") >= 10
