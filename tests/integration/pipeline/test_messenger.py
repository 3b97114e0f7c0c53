"""Whoever is configured is told of a result, once, and how that went stands in the job log."""

import io
import json
import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from support.bench import Bench, bundle_fields
from support.ct_factory import ct_series, write_series
from support.mllp_listener import python_hl7_listener
from support.peers import free_port
from support.scripted import scripted
from support.waiting import wait_until
from support.webhook_server import Webhook, webhook_server
from typer.testing import CliRunner

from hounsfield.daemon import role_process
from hounsfield.daemon.cli.main import app as command_line
from hounsfield.daemon.config.operation import LoggingSettings
from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.daemon.logs import configure
from hounsfield.daemon.notifications.answers import Accepted, Answer, NoAnswer, Refused
from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.daemon.pipeline.messenger import Messenger
from hounsfield.daemon.pipeline.recall import RecallOrder, RecallState
from hounsfield.daemon.pipeline.refusals import refusals_before
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, Reason, ResultKind

ALL = ["positive", "negative", "not_analysed"]


def worklist(port: int, **more: Any) -> dict[str, Any]:
    return {"name": "worklist", "kind": "hl7", "host": "127.0.0.1", "port": port, "outcomes": ALL, **more}


def hook(folder: Path, url: str, **more: Any) -> dict[str, Any]:
    secret = folder / "webhook.secret"
    secret.write_bytes(b"a secret of this test")
    secret.chmod(0o600)
    return {"name": "hook", "kind": "webhook", "url": url, "secret_file": str(secret), "outcomes": ALL, **more}


def reported(
    folder: Path, *notifiers: dict[str, Any], score: float = 0.9, destinations: Any = (), **source: Any
) -> Bench:
    """A bench with one result that waits to be told."""
    bench = Bench(folder / "home", destinations, more={"notify": list(notifiers)})
    images = ct_series(12)
    for image in images:
        for keyword, value in source.items():
            setattr(image, keyword, value)
    bench.receive(write_series(folder / "files", images))
    bench.settle()
    bench.worker(score).work_one()
    return bench


def the_job(bench: Bench) -> JobRecord:
    (job,) = bench.jobs(JobKind.NOTIFY)
    return job


class Scripted:
    """A way to a receiver that answers from a list, again and again the last."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers)
        self.told: list[ResultFacts] = []

    def send(self, facts: ResultFacts) -> Answer:
        self.told.append(facts)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def messenger(bench: Bench, sender: Scripted, keeper: LeaseKeeper | None = None) -> Messenger:
    return Messenger(
        name="messenger-1",
        notifier=bench.app.settings.notify[0],
        sender=sender,
        jobs=bench.app.database.jobs,
        files=bench.app.files,
        keeper=keeper or bench.keeper(),
        clock=bench.clock,
        random_source=random.Random(1),
        lines=bench.app.job_lines,
    )


@pytest.fixture
def server() -> Iterator[Webhook]:
    with webhook_server() as webhook:
        yield webhook


def test_a_result_is_told_once_to_each_and_both_say_the_same(tmp_path: Path, server: Webhook) -> None:
    with python_hl7_listener() as listener:
        bench = reported(tmp_path, worklist(listener.port), hook(tmp_path, server.url))
        first, second = bench.app.messengers()
        assert (first.work_one(), second.work_one()) == (True, True)
        assert (first.work_one(), second.work_one()) == (False, False)
    assert {(job.state, job.proof) for job in bench.jobs(JobKind.NOTIFY)} == {(JobState.COMPLETED, Proof.SENT)}
    (message,), (posted,) = listener.messages, server.posted
    document = json.loads(posted.body)
    rows = {str(row[3]).partition("^")[0]: str(row[5]) for row in message.segments("OBX")}
    assert rows["REPORT"] == document["report_sop_instance_uid"]
    assert float(rows["SCORE"]) == pytest.approx(document["score"], abs=1e-6)
    assert (document["outcome"], document["job"]) == ("positive", bench.jobs()[0].id)
    assert bench.app.files.path(rows["REPORT"]).exists()


def test_a_series_that_nobody_could_analyse_is_told_by_the_rescuer_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", (), more={"notify": [worklist(free_port())]})
    bench.receive(write_series(tmp_path / "files", ct_series(12)))
    bench.settle()
    claim = bench.app.database.jobs.claim([JobKind.INFER], "dead", bench.keeper().lease, bench.clock.now())
    assert claim is not None
    bench.rescuer.give_up(claim, Reason.MODEL_CRASHED)
    sender = Scripted(Accepted())
    assert messenger(bench, sender).work_one()
    (told,) = sender.told
    assert (told.outcome, told.reason) == (Outcome.NOT_ANALYSED, Reason.MODEL_CRASHED)


def test_shadow_results_are_told_to_nobody_and_the_job_log_says_so(tmp_path: Path) -> None:
    rule = {"name": "heads", "bundle": bundle_fields()["name"], "shadow": True}
    bench = Bench(tmp_path / "home", (), more={"notify": [worklist(free_port())], "rule": [rule]})
    bench.receive(write_series(tmp_path / "files", ct_series(12)))
    bench.settle()
    bench.worker(0.9).work_one()
    assert bench.jobs(JobKind.NOTIFY) == []
    (job,) = bench.jobs()
    steps = [event for event in bench.app.database.jobs.events(job_id=job.id) if event.reason is Reason.SHADOW]
    assert [(event.stage.value, event.detail["step"]) for event in steps] == [("notify", "withheld from worklist")]


def test_the_report_is_made_even_where_no_destination_wants_it(tmp_path: Path) -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port(), "results": ["sc"]}
    bench = reported(tmp_path, worklist(free_port()), destinations=[pacs])
    sender = Scripted(Accepted())
    assert messenger(bench, sender).work_one()
    assert sender.told[0].summary.startswith("AI ")


def test_who_is_away_is_told_the_same_when_they_are_back(tmp_path: Path) -> None:
    bench = reported(tmp_path, worklist(free_port()))
    sender = Scripted(NoAnswer("Connection refused"), Refused("AE"), Accepted())
    teller = messenger(bench, sender)
    reasons = []
    while not the_job(bench).state.is_final:
        bench.clock.advance((the_job(bench).available_at - bench.clock.now()).total_seconds())
        assert teller.work_one()
        reasons.append(the_job(bench).reason)
    assert reasons == [Reason.NO_ANSWER, Reason.REFUSED_MESSAGE, None]
    assert len(set(sender.told)) == 1, "facts, and with them the bytes, are the same"
    assert refusals_before(bench.app.database.jobs, the_job(bench).id) == 1, "being away is no refusal"
    answers = [event.detail.get("answer") for event in bench.app.database.jobs.events(job_id=the_job(bench).id)]
    assert [answer for answer in answers if answer] == ["Connection refused", "AE"]


def test_who_never_answers_is_given_up_when_their_time_is_over(tmp_path: Path) -> None:
    bench = reported(tmp_path, worklist(free_port(), give_up_days=0.02))
    teller = messenger(bench, Scripted(NoAnswer("no answer in time")))
    job = the_job(bench)
    while not job.state.is_final:
        bench.clock.advance((job.available_at - bench.clock.now()).total_seconds())
        assert teller.work_one()
        job = the_job(bench)
    assert (job.state, job.reason) == (JobState.DISCARDED, Reason.DEADLINE)
    assert (job.updated_at - job.created_at).total_seconds() == pytest.approx(0.02 * 86400, abs=1)
    assert bench.app.database.jobs.requeue(job.id, bench.clock.now())


def test_a_failure_that_nobody_thought_of_is_tried_again(tmp_path: Path) -> None:
    bench = reported(tmp_path, worklist(free_port()))
    teller = messenger(bench, Scripted(LookupError("nobody thought of this"), Accepted()))
    assert teller.work_one()
    assert (the_job(bench).state, the_job(bench).reason) == (JobState.RETRYABLE, Reason.INTERNAL)
    bench.clock.advance(60)
    assert teller.work_one()
    assert the_job(bench).state is JobState.COMPLETED


def test_nothing_is_told_from_a_report_that_was_changed(tmp_path: Path) -> None:
    bench = reported(tmp_path, worklist(free_port()))
    for file in bench.app.files.folder.glob("*.dcm"):
        file.write_bytes(file.read_bytes() + b"\0\0")
    sender = Scripted(Accepted())
    messenger(bench, sender).work_one()
    assert (the_job(bench).state, the_job(bench).reason) == (JobState.DISCARDED, Reason.RESULT_CHANGED)
    assert sender.told == []


def test_who_was_told_of_a_result_that_is_retracted_is_told_that_too(tmp_path: Path, server: Webhook) -> None:
    bench = reported(tmp_path, worklist(free_port()), hook(tmp_path, server.url))
    sender = Scripted(Accepted())
    teller = messenger(bench, sender)
    teller.work_one()
    (original,) = bench.app.database.jobs.result_sets_of_job(bench.jobs()[0].id)
    retractor, order = bench.app.retractor(), RecallOrder(by="anna", words="wrong threshold")
    looked, done = retractor.preview(original.id), retractor.retract(original.id, order)
    for one in (looked, done):
        assert (one.state, one.told, one.cancelled) == (RecallState.RETRACTED, ("worklist",), 1)
    assert teller.work_one()
    told, taken_back = sender.told
    assert (told.kind, taken_back.kind) == (ResultKind.ANALYSIS, ResultKind.RETRACTION)
    assert (taken_back.report_uid, taken_back.reason) == (told.report_uid, Reason.RETRACTED)
    assert taken_back.message_id != told.message_id
    assert not bench.app.messengers()[1].work_one(), "who was not told yet hears nothing of it"
    assert server.posted == []


def test_a_listener_that_hangs_delays_neither_objects_nor_other_news(tmp_path: Path, server: Webhook) -> None:
    release = threading.Event()
    with FolderStore(tmp_path / "pacs") as pacs, scripted(lambda _: release.wait(30) and None) as hanging:
        bench = reported(
            tmp_path,
            worklist(hanging, timeout_seconds=30),
            hook(tmp_path, server.url),
            destinations=[{"name": "pacs", "ae_title": "FOLDER", "host": "127.0.0.1", "port": pacs.port}],
        )
        stop = threading.Event()
        role = threading.Thread(target=role_process._deliver, args=(bench.app, stop))
        role.start()
        try:
            wait_until(lambda: len(server.posted) == 1 and len(pacs.files()) >= 2)
            wait_until(lambda: bench.jobs(JobKind.DELIVER)[0].state is JobState.COMPLETED)
            states = {job.destination: job.state for job in bench.jobs(JobKind.NOTIFY)}
            assert states["worklist"] is JobState.RUNNING
        finally:
            release.set()
            stop.set()
            role.join(20)
    assert not role.is_alive()


CANARIES = ("KANARIENVOGEL", "KUNO", "PID-KANARIE", "ACC-KANARIE", "19330303")


def test_no_log_no_event_and_no_listing_names_a_patient_or_a_secret(tmp_path: Path, server: Webhook) -> None:
    said, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(LoggingSettings(level="debug"), said)
    try:
        with python_hl7_listener("AE") as listener:
            server.status = 500
            bench = reported(
                tmp_path,
                worklist(listener.port),
                hook(tmp_path, server.url, include_patient=True),
                PatientName="KANARIENVOGEL^KUNO",
                PatientID="PID-KANARIE",
                AccessionNumber="ACC-KANARIE",
                PatientBirthDate="19330303",
            )
            for teller in bench.app.messengers():
                assert teller.work_one()
        broken = messenger(bench, Scripted(ValueError("KANARIENVOGEL")))
        bench.clock.advance(60)
        assert broken.work_one()
    finally:
        root.handlers = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
        structlog.reset_defaults()
    assert b"KANARIENVOGEL" in listener.blocks[0], "it was told, or this proves nothing"
    assert b"KANARIENVOGEL" in server.posted[0].body
    events = "".join(repr(event) for event in bench.app.database.jobs.events())
    rows = "".join(repr(job) for job in bench.jobs(JobKind.NOTIFY))
    for canary in (*CANARIES, "a secret of this test"):
        for where, text in {"log": said.getvalue(), "events": events, "jobs": rows}.items():
            assert canary not in text, f"{canary} stands in the {where}"
    assert "notification waits" in said.getvalue()


def test_jobs_show_tells_whom_and_what_they_answered(tmp_path: Path) -> None:
    bench = reported(tmp_path, worklist(free_port()))
    teller = messenger(bench, Scripted(Refused("AE"), Accepted()))
    teller.work_one()

    def shown(job_id: int) -> str:
        runner = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200", "HOUNSFIELD_STORAGE__HOME": str(bench.home)})
        result = runner.invoke(command_line, ["jobs", "show", str(job_id)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "(AE)" in shown(the_job(bench).id)
    bench.clock.advance(60)
    teller.work_one()
    output = shown(bench.jobs()[0].id)
    (row,) = [line for line in output.splitlines() if line.strip().startswith("worklist")]
    assert "COMPLETED" in row
    assert "told" in row
