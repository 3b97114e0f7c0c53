"""The pages about the work over a real job log: what a guest sees, and what somebody who has signed in can do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from support.browser import Browser
from support.console import add_account, console_app, console_parts, signed_in
from support.fakes import ManualClock
from support.joblog import FLAGGED, HELD, STUDY, UNANALYSED, Seen, add_delivery, add_held, at, fill

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.storage import tables
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.states import JobState, Reason, SeriesState

SOFT = "1.2.826.0.1.3680043.8.498.904"
"""A held series that can be released."""
ODD = "1.2.826.0.1.3680043.8.498.905"
WHY = "a call from the ward"
PATHS = ("/jobs", "/jobs?state=COMPLETED", "/series", "/series?state=HELD", "/sites", "/models", "/settings")


@dataclass(frozen=True)
class Console:
    parts: ConsoleParts
    app: FastAPI
    seen: Seen
    guest: Browser
    admin: Browser

    @property
    def database(self) -> Database:
        return self.parts.database

    def series(self, uid: str) -> int:
        found = self.database.series.find(uid)
        assert found is not None
        return found.id

    def act(self, path: str, **fields: str) -> int:
        """Send a form as the person who has signed in; return the status."""
        csrf = self.admin.get("/jobs").csrf
        status: int = self.admin.post(path, {"csrf": csrf, **fields}).status
        return status

    def last_event(self) -> tuple[str, object]:
        (event,) = self.database.jobs.events(after_id=self.database.jobs.last_event_id() - 1)
        return event.to_state, event.detail.get("by")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    home = tmp_path_factory.mktemp("home")
    seen = fill(home)
    add_held(home, SOFT, Reason.CONFLICT, 100)
    add_held(home, ODD, Reason.CONFLICT, 200)
    (home / "previews").mkdir()
    (home / "previews" / f"{seen.report_uid}.png").write_bytes(b"\x89PNG the picture")
    settings = Settings.model_validate(
        {
            "storage": {"home": str(home)},
            "destination": [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}],
            "peer": [{"ae_title": "CT1", "host": "127.0.0.1"}],
        }
    )
    database, clock = open_database(None, home), ManualClock(at(3600))
    parts = console_parts(database, home, settings, clock)
    add_account(database, clock)
    app = console_app(parts)
    yield Console(parts=parts, app=app, seen=seen, guest=Browser(app), admin=signed_in(app))
    database.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_guest_reads_every_page_and_finds_no_uid_and_no_button_that_does_something(
    console: Console, path: str
) -> None:
    answer = console.guest.get(path)
    assert answer.status == 200
    for uid in (FLAGGED, UNANALYSED, HELD, STUDY):
        assert uid not in answer.text
    actions = set(re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', answer.text))
    assert actions <= {"/search"}


def test_the_list_of_jobs_tells_flagged_and_not_analysed_apart(console: Console) -> None:
    text = console.guest.get("/jobs").text
    assert 'class="verdict positive"' in text
    assert 'class="verdict not_analysed"' in text
    assert "NOT ANALYSED (slices missing)" in text
    assert f'href="/jobs/{console.seen.infer}"' in text


def test_a_filter_in_the_address_decides_what_is_listed(console: Console) -> None:
    text = console.guest.get("/jobs?outcome=positive&scanner=CT1&kind=INFER").text
    assert f'href="/jobs/{console.seen.infer}"' in text
    assert "NOT ANALYSED (" not in text
    assert "No such jobs" in console.guest.get("/jobs?scanner=CT9").text


def test_a_filter_that_there_is_not_is_told_with_what_there_is(console: Console) -> None:
    answer = console.guest.get("/jobs?state=%3Cscript%3E")
    assert answer.status == 400
    assert "state is one of AVAILABLE" in answer.text
    assert "<script>alert" not in answer.text
    assert console.guest.get("/series?state=gone").status == 400
    assert console.guest.get("/series?accession=A4711").status == 400


def test_a_job_shows_its_stages_scores_delivery_and_events(console: Console) -> None:
    text = console.guest.get(f"/jobs/{console.seen.infer}").text
    for shown in (
        "Seconds per stage",
        "haemorrhage",
        "0.930",
        "▲ at or above",
        "pacs",
        "0000",
        "Timeline",
        "tensorflow",
    ):
        assert shown in text, shown
    assert f'src="/jobs/{console.seen.infer}/picture/sr"' in text


def test_a_job_tells_how_whole_its_series_was(console: Console) -> None:
    result = console.database.jobs.get(console.seen.discarded)
    assert result is not None
    analysis = next(job for job in console.database.jobs.of_series(result.series_id) if job.id != result.id)
    text = console.guest.get(f"/jobs/{analysis.id}").text
    assert "Was the series whole?" in text
    assert "one gap of 20 mm" in text


def test_a_delivery_that_was_given_up_says_what_to_do(console: Console) -> None:
    text = console.guest.get(f"/jobs/{console.seen.discarded}").text
    assert "The destination refused the result." in text
    assert "<code>hounsfield jobs show ID</code>" in text


def test_the_picture_is_served_by_job_and_role_and_by_nothing_else(console: Console) -> None:
    path = f"/jobs/{console.seen.infer}/picture"
    answer = console.guest.get(f"{path}/sr")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "no-store"
    for wrong in (
        f"{path}/sc",
        f"{path}/..%2f..%2fhounsfield.db",
        f"{path}/{console.seen.report_uid}.png",
        "/jobs/999/picture/sr",
    ):
        assert console.guest.get(wrong).status == 404, wrong


@pytest.mark.parametrize(
    "path",
    ["/jobs/999", "/jobs/0", f"/jobs/{2**64}", f"/jobs/{'9' * 5000}", "/jobs/one", "/series/999", f"/series/{2**64}"],
)
def test_what_there_is_not_is_a_page_that_says_so(console: Console, path: str) -> None:
    answer = console.guest.get(path)
    assert answer.status == 404
    assert "Traceback" not in answer.text


def test_a_held_series_tells_why_and_what_to_do(console: Console) -> None:
    text = console.guest.get("/series?state=HELD").text
    assert "Images of two patients came under one series identifier" in text
    assert "Series that wait for a person" in text
    one = console.guest.get(f"/series/{console.series(HELD)}").text
    assert "two-patients" in one
    assert "Who has signed in can release or discard it." in one


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/1/retry",
        "/jobs/1/cancel",
        "/jobs/1/retract",
        "/jobs/1/reveal",
        "/series/1/release",
        "/series/1/discard",
        "/sites/echo",
    ],
)
def test_a_guest_can_do_nothing(console: Console, path: str) -> None:
    before = console.database.jobs.last_event_id()
    csrf = console.guest.get("/jobs").csrf
    assert console.guest.post(path, {"csrf": csrf, "why": WHY, "destination": "pacs"}).status in (303, 401, 403)
    assert console.database.jobs.last_event_id() == before


@pytest.mark.parametrize("path", ["/jobs/1/cancel", "/series/1/release", "/sites/echo", "/search"])
def test_a_form_that_is_not_ours_does_nothing(console: Console, path: str) -> None:
    before = console.database.jobs.last_event_id()
    assert console.admin.post(path, {"csrf": "x" * 43, "why": WHY, "q": "1"}).status == 403
    assert console.database.jobs.last_event_id() == before


def test_who_has_signed_in_has_a_job_tried_again_and_cancels_it_and_the_log_says_who(console: Console) -> None:
    job = console.seen.discarded
    assert console.act(f"/jobs/{job}/retry") == 303
    assert console.last_event() == ("AVAILABLE", "anna")
    assert console.act(f"/jobs/{job}/retry") == 400
    assert console.act(f"/jobs/{job}/cancel") == 303
    assert console.last_event() == ("CANCELLED", "anna")
    found = console.database.jobs.get(job)
    assert found is not None
    assert found.state is JobState.CANCELLED


def test_who_has_signed_in_releases_and_discards_series(console: Console) -> None:
    assert console.act(f"/series/{console.series(SOFT)}/release") == 303
    assert console.last_event() == ("RECEIVING", "anna")
    assert console.act(f"/series/{console.series(ODD)}/discard") == 303
    assert console.last_event() == ("SKIPPED", "anna")
    assert console.act(f"/series/{console.series(ODD)}/release") == 400


def test_a_series_of_two_patients_is_not_released_by_anybody(console: Console) -> None:
    assert console.act(f"/series/{console.series(HELD)}/release") == 400
    found = console.database.series.find(HELD)
    assert found is not None
    assert found.state is SeriesState.HELD


def test_a_series_that_waits_for_removed_images_is_released_by_a_person(console: Console) -> None:
    with console.database.transactions.write() as connection:
        held = tables.series.c.series_uid == SOFT
        connection.execute(
            tables.series.update().where(held).values(state=SeriesState.HELD, reason=Reason.IMAGES_REMOVED)
        )
    assert console.act(f"/series/{console.series(SOFT)}/release") == 303
    assert console.last_event() == ("RECEIVING", "anna")


def test_a_full_uid_needs_a_reason_and_is_noted_before_it_is_shown(console: Console) -> None:
    job, csrf = console.seen.infer, console.admin.get("/jobs").csrf
    assert console.admin.post(f"/jobs/{job}/reveal", {"csrf": csrf, "why": "short"}).status == 400
    before = console.database.jobs.last_event_id()
    answer = console.admin.post(f"/jobs/{job}/reveal", {"csrf": csrf, "why": WHY})
    assert FLAGGED in answer.text
    (event,) = console.database.jobs.events(after_id=before)
    assert (event.to_state, event.detail["by"], event.detail["why"]) == ("REVEALED", "anna", WHY)
    assert FLAGGED not in str(event.detail)
    series = console.admin.post(f"/series/{console.series(FLAGGED)}/reveal", {"csrf": csrf, "why": WHY})
    assert FLAGGED in series.text
    assert STUDY in series.text


def test_a_search_leads_to_the_page_and_only_an_accession_number_is_noted_as_its_hash(console: Console) -> None:
    csrf, job = console.guest.get("/jobs").csrf, console.seen.infer
    assert console.guest.post("/search", {"csrf": csrf, "q": f" {job} "}).headers["location"] == f"/jobs/{job}"
    found = console.guest.post("/search", {"csrf": csrf, "q": FLAGGED})
    assert found.headers["location"] == f"/series/{console.series(FLAGGED)}"
    assert console.guest.post("/search", {"csrf": csrf, "q": "A4711", "what": "accession"}).status in (303, 401)
    before = console.database.jobs.last_event_id()
    answer = console.admin.post("/search", {"csrf": console.admin.get("/jobs").csrf, "q": "A4711", "what": "accession"})
    assert "Nothing is known by that accession number" in answer.text
    assert "A4711" not in answer.text
    (event,) = console.database.jobs.events(after_id=before)
    assert (event.to_state, event.detail["by"]) == ("SEARCHED", "anna")
    assert event.detail["accession"] == console.parts.hasher("A4711")


def test_an_echo_tells_that_nobody_answers_and_is_noted(console: Console) -> None:
    csrf, before = console.admin.get("/sites").csrf, console.database.jobs.last_event_id()
    answer = console.admin.post("/sites/echo", {"csrf": csrf, "destination": "pacs"})
    assert answer.status == 200
    assert 'class="state problem"' in answer.text
    (event,) = console.database.jobs.events(after_id=before)
    assert (event.to_state, event.detail["destination"], event.detail["answered"]) == ("ECHOED", "pacs", False)
    assert console.admin.post("/sites/echo", {"csrf": csrf, "destination": "nobody"}).status == 404


def test_a_destination_tells_since_when_its_oldest_result_waits(console: Console) -> None:
    job = console.database.jobs.get(add_delivery(console.parts.home, "pacs", 3000))
    assert job is not None
    console.parts.clock.advance(6)  # type: ignore[attr-defined]
    text = console.guest.get("/sites").text
    assert f'datetime="{job.created_at:%Y-%m-%dT%H:%M:%SZ}"' in text


def test_models_show_what_is_in_use_with_its_card(console: Console) -> None:
    text = console.guest.get("/models").text
    assert "ich-demo" in text
    assert "shipped" in text
    assert "Model card" in text
    assert "not for clinical use" in text


def test_settings_tell_where_each_value_comes_from(console: Console) -> None:
    text = console.guest.get("/settings").text
    assert "[destination[0]]" in text
    assert "tries_per_minute" in text
    assert "default" in text
