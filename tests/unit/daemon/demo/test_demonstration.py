"""The parts of the demonstration: what it sends, how it follows, what it judges, and how its daemon may fail."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console
from support.rows import at, delivery_row, job_row, series_row
from support.scp import listening, write_instance

from hounsfield.daemon.demo import sender as sending
from hounsfield.daemon.demo.follow import TookTooLong, follow
from hounsfield.daemon.demo.material import RECIPES, DemoSeries, NoMaterial, generate, read_folder
from hounsfield.daemon.demo.process import DaemonDied, DaemonProcess, environment
from hounsfield.daemon.demo.sender import Sender
from hounsfield.daemon.demo.show import LiveScreen, PlainScreen
from hounsfield.daemon.demo.standing import End, Standing
from hounsfield.daemon.demo.summary import Written, judge, summary_table
from hounsfield.daemon.demo.workspace import Workspace, prepare
from hounsfield.daemon.scu import Sendable
from hounsfield.storage.records import EventRecord, JobRecord, SeriesRecord
from hounsfield.storage.states import JobState, Outcome, Reason, SeriesState, Stage

FILES = (Sendable(Path("a.dcm"), "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", 1),)
ONE = DemoSeries(name="one", series_uid=series_row().series_uid, files=FILES, expected=Outcome.POSITIVE)
MINE = DemoSeries(name="mine", series_uid="1.2.3", files=FILES)
SENT = Written(reports=(Path("sr.dcm"),), previews=(Path("p.png"),))
FLAGGED = Standing(end=End.DELIVERED, outcome=Outcome.POSITIVE, score=0.93, seconds={Stage.INFER: 1.5})


class FakeLog:
    """A job log that moves on with every look."""

    def __init__(self, *story: tuple[SeriesRecord | None, list[JobRecord]]) -> None:
        self.story = list(story)

    def find(self, series_uid: str) -> SeriesRecord | None:
        return self.story[0][0]

    def of_series(self, series_id: int) -> list[JobRecord]:
        return self.story[0][1]

    def events(self, **_: object) -> list[EventRecord]:
        return []

    def move_on(self, _: float) -> None:
        if len(self.story) > 1:
            self.story.pop(0)


class Frames:
    def __init__(self) -> None:
        self.seen: list[Standing] = []

    def update(self, standings: Mapping[str, Standing]) -> None:
        self.seen += standings.values()


def watch(log: FakeLog, frames: Frames, *, deadline: float = 1.0, now: float = 0.0, lost: str = "") -> Standing:
    standings = follow(
        [ONE],
        log,  # type: ignore[arg-type]
        log,  # type: ignore[arg-type]
        frames,
        check=lambda: None,
        lost=lambda: {ONE.series_uid: lost} if lost else {},
        deadline=deadline,
        pause=log.move_on,
        clock=lambda: now,
    )
    return standings[ONE.series_uid]


def done() -> JobRecord:
    return job_row(state=JobState.COMPLETED, result_set_id=1, outcome=Outcome.POSITIVE, updated_at=at(7))


def test_following_shows_every_stage_and_ends_with_the_delivery() -> None:
    receiving = series_row(state=SeriesState.RECEIVING, closed_at=None)
    log = FakeLog((None, []), (receiving, []), (series_row(), [job_row()]), (series_row(), [done(), delivery_row()]))
    frames = Frames()
    assert watch(log, frames).end is End.DELIVERED
    assert [standing.stage for standing in frames.seen] == [None, Stage.RECEIVE, Stage.INFER, Stage.DELIVER]


def test_the_time_limit_names_what_still_goes_on() -> None:
    with pytest.raises(TookTooLong, match=r"'one' in infer \(waits for the worker\)"):
        watch(FakeLog((series_row(), [job_row()])), Frames(), deadline=1.0, now=2.0)


def test_a_series_that_can_never_arrive_fails_and_does_not_wait() -> None:
    standing = watch(FakeLog((None, [])), Frames(), lost="no image was accepted")
    assert (standing.end, standing.problem) == (End.FAILED, "no image was accepted")


def test_all_is_well_when_expected_verdicts_were_delivered() -> None:
    assert judge([ONE], {ONE.series_uid: FLAGGED}, {ONE.series_uid: SENT}) == []


@pytest.mark.parametrize(
    ("standing", "written", "words"),
    [
        (Standing(end=End.DELIVERED, outcome=Outcome.NEGATIVE), SENT, "is NOT FLAGGED, expected is FLAGGED"),
        (Standing(end=End.FAILED, problem="it broke"), SENT, "has no delivered result: FAILED: it broke"),
        (Standing(end=End.SKIPPED, reason=Reason.BODY_PART), SENT, "SKIPPED (another body part than the model is for)"),
        (FLAGGED, Written(reports=(), previews=SENT.previews), "the PACS has no report"),
        (FLAGGED, Written(reports=SENT.reports, previews=()), "there is no preview"),
    ],
)
def test_what_did_not_end_as_it_should_is_named(standing: Standing, written: Written, words: str) -> None:
    (problem,) = judge([ONE], {ONE.series_uid: standing}, {ONE.series_uid: written})
    assert words in problem


def test_a_series_of_the_user_may_be_skipped_or_have_any_verdict() -> None:
    skipped = Standing(end=End.SKIPPED, reason=Reason.BODY_PART)
    assert judge([MINE], {"1.2.3": skipped}, {"1.2.3": Written(reports=(), previews=())}) == []
    assert judge([MINE], {"1.2.3": FLAGGED}, {"1.2.3": SENT}) == []


def test_the_table_has_verdict_score_and_seconds() -> None:
    out = io.StringIO()
    table = summary_table([ONE], {ONE.series_uid: FLAGGED}, score_word="probability", title="demo")
    Console(file=out, width=200).print(table)
    for words in ("one", "FLAGGED", "0.93", "1.50", "probability", "deliver s"):
        assert words in out.getvalue()


def test_a_terminal_gets_a_table_and_a_pipe_gets_lines() -> None:
    standings = {ONE.series_uid: FLAGGED}
    live, plain = io.StringIO(), io.StringIO()
    with LiveScreen([ONE], Console(file=live, width=150, force_terminal=True)) as screen:
        screen.update(standings)
    with PlainScreen([ONE], Console(file=plain, width=150)) as lines:
        lines.update(standings)
        lines.update(standings)
    assert "FLAGGED" in live.getvalue()
    assert plain.getvalue().count("delivered FLAGGED, score 0.93") == 1


def test_the_generated_series_are_three_with_three_different_answers(tmp_path: Path) -> None:
    made = generate(tmp_path)
    assert [one.expected for one in made] == [Outcome.POSITIVE, Outcome.NEGATIVE, Outcome.NOT_ANALYSED]
    assert [len(one.files) for one in made] == [24, 24, 24 - len(RECIPES[2].drop)]
    assert len({one.series_uid for one in made}) == 3


def test_a_folder_without_ct_is_named(tmp_path: Path) -> None:
    write_instance(tmp_path / "no-modality.dcm")
    with pytest.raises(NoMaterial, match="no CT series"):
        read_folder(tmp_path)
    with pytest.raises(NoMaterial, match="is not a folder"):
        read_folder(tmp_path / "nowhere")


def test_the_real_head_is_one_series(real_ct: Path) -> None:
    (series,) = read_folder(real_ct / "ge_head_ct")
    assert len(series.files) == 28


def sendable(path: Path, syntax: str) -> Sendable:
    write_instance(path, syntax)
    return Sendable(path, "1.2.840.10008.5.1.4.1.1.2", syntax, path.stat().st_size)


def test_images_that_are_not_accepted_are_told_apart_from_a_series_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, packed = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
    part = DemoSeries(
        name="part", series_uid="1.1", files=(sendable(tmp_path / "a", plain), sendable(tmp_path / "b", packed))
    )
    with listening() as scp:
        monkeypatch.setattr(sending, "AE_TITLE", "STORE")
        sender = Sender([part], scp.port)
        sender.run()
    sender.check()
    assert sender.lost() == {}
    (problem,) = sender.problems()
    assert "'part': 1 of 2 images were not accepted; b:" in problem


def test_a_scanner_without_a_daemon_says_so() -> None:
    sender = Sender([MINE], 1)
    sender.run()
    with pytest.raises(Exception, match="nothing answers"):
        sender.check()


def test_the_daemon_is_configured_by_the_demonstration_alone(tmp_path: Path) -> None:
    inherited = {
        "PATH": "/bin",
        "HOUNSFIELD_DICOM__PORT": "104",
        "HOUNSFIELD_CONFIG": "/etc/hounsfield.toml",
        "HOUNSFIELD_STORAGE__DATABASE_URL": "postgresql://elsewhere",
        "HOUNSFIELD_WORKER__DEVICE": "gpu:0",
    }
    variables = environment(Workspace(tmp_path), 4242, tmp_path / "bundle", inherited)
    assert variables["HOUNSFIELD_DICOM__PORT"] == "0"
    assert variables["HOUNSFIELD_STORAGE__HOME"] == str(tmp_path / "home")
    assert variables["HOUNSFIELD_WORKER__DEVICE"] == "gpu:0"
    assert variables["PATH"] == "/bin"
    assert "HOUNSFIELD_CONFIG" not in variables
    assert "HOUNSFIELD_STORAGE__DATABASE_URL" not in variables
    assert json.loads(variables["HOUNSFIELD_DESTINATION"])[0]["port"] == 4242


def test_a_daemon_that_cannot_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    workspace = prepare(tmp_path / "out", keep=False, now=at(0))
    variables = environment(workspace, 4242, tmp_path, {"PATH": "/usr/bin"}) | {"HOUNSFIELD_DICOM__PORT": "many"}
    with DaemonProcess(variables, workspace.log) as daemon, pytest.raises(DaemonDied, match=r"dicom\.port"):
        daemon.wait_ready(20)
