"""The demonstration from end to end: PACS, daemon, series over real DICOM, results back, and a judgement."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from hounsfield.daemon.cli.scu import Outcome as Sent
from hounsfield.daemon.cli.scu import Peer, store
from hounsfield.daemon.cli.words import VERDICT_WORDS
from hounsfield.daemon.delivery.store_listener import FolderStore
from hounsfield.daemon.demo.follow import follow
from hounsfield.daemon.demo.material import DemoSeries, generate, read_folder
from hounsfield.daemon.demo.process import AE_TITLE, PACS_AE_TITLE, DaemonProcess, environment
from hounsfield.daemon.demo.show import LiveScreen, PlainScreen, answer, summary_table
from hounsfield.daemon.demo.standing import End, Standing
from hounsfield.daemon.demo.workspace import Workspace, prepare
from hounsfield.daemon.errors import DaemonError
from hounsfield.model.bundle import bundled
from hounsfield.model.manifest import Manifest
from hounsfield.storage.engine import Database, open_database

SENDER_AE_TITLE = "DEMO_SCANNER"
READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    source: Path | None
    """A folder with DICOM files; None for generated series."""
    output: Path
    keep: bool
    time_limit: float
    """Seconds for everything after the daemon is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the result of one series lies."""

    reports: tuple[Path, ...]
    """SR files as the PACS received them."""
    previews: tuple[Path, ...]


class Sender(threading.Thread):
    """Sends the series one after the other while the main thread shows what becomes of them."""

    def __init__(self, wanted: Sequence[DemoSeries], port: int) -> None:
        super().__init__(name="demo-scanner", daemon=True)
        self._wanted = wanted
        self._peer = Peer("127.0.0.1", port, AE_TITLE, SENDER_AE_TITLE)
        self._failure: DaemonError | None = None
        self._refused: list[Sent] = []

    def run(self) -> None:
        """Send everything; the first failure ends it and stands ready for :meth:`check`."""
        try:
            for one in self._wanted:
                store(self._peer, one.files, self._note)
        except DaemonError as failure:
            self._failure = failure

    def check(self) -> None:
        """Raise what went wrong so far."""
        if self._failure is not None:
            raise self._failure
        if self._refused:
            first = self._refused[0]
            raise DaemonError(f"{len(self._refused)} images were not kept; {first.path.name}: {first.problem}", "")

    def _note(self, sent: Sent) -> None:
        if sent.problem is not None:
            self._refused.append(sent)


def demonstrate(request: Request, console: Console) -> bool:
    """Run the demonstration and print it; return whether every step did what it should."""
    workspace = prepare(request.output, keep=request.keep, now=datetime.now().astimezone())
    wanted = _material(request, workspace, console)
    manifest = Manifest.read(bundled())
    with (
        FolderStore(workspace.pacs, ae_title=PACS_AE_TITLE) as pacs,
        DaemonProcess(environment(workspace, pacs.port, dict(os.environ)), workspace.log) as daemon,
    ):
        port = daemon.wait_ready(READY_SECONDS)
        console.print(f"daemon {AE_TITLE} on 127.0.0.1:{port}, PACS {PACS_AE_TITLE} on 127.0.0.1:{pacs.port}")
        with closing(open_database(None, workspace.home)) as database:
            standings = _watch(wanted, port, daemon, database, console, request.time_limit)
            written = {uid: collect(standing, database, workspace) for uid, standing in standings.items()}
    problems = judge(wanted, standings, written)
    _print_summary(wanted, standings, written, manifest, workspace, console)
    for problem in problems:
        console.print(f"[bold red]failed:[/bold red] {problem}")
    return not problems


def _material(request: Request, workspace: Workspace, console: Console) -> list[DemoSeries]:
    if request.source is not None:
        wanted = read_folder(request.source)
        console.print(f"{len(wanted)} CT series in {request.source}")
        return wanted
    with console.status("painting three head CT series"):
        wanted = generate(workspace.images)
    console.print(f"three generated head CT series in {workspace.images}")
    return wanted


def _watch(
    wanted: Sequence[DemoSeries],
    port: int,
    daemon: DaemonProcess,
    database: Database,
    console: Console,
    time_limit: float,
) -> dict[str, Standing]:
    """Send, and show progress until every series has ended."""
    sender = Sender(wanted, port)
    screen: AbstractContextManager[LiveScreen | PlainScreen] = (
        LiveScreen(wanted, console) if console.is_terminal else PlainScreen(wanted, console)
    )

    def check() -> None:
        daemon.check()
        sender.check()

    with screen as shown:
        sender.start()
        return follow(
            wanted,
            database.series,
            database.jobs,
            shown,
            check=check,
            deadline=time.monotonic() + time_limit,
        )


def collect(standing: Standing, database: Database, workspace: Workspace) -> Written:
    """Return the files of a series' results: SR as the PACS keeps it, previews in the daemon's home."""
    reports, previews = [], []
    for result_set_id in standing.result_sets:
        result = database.jobs.result_set(result_set_id)
        for one in result.objects if result is not None else ():
            received = workspace.pacs / f"{one.sop_instance_uid}.dcm"
            preview = workspace.home / "previews" / f"{one.sop_instance_uid}.png"
            if one.role == "sr" and received.is_file():
                reports.append(received)
            if preview.is_file():
                previews.append(preview)
    return Written(reports=tuple(reports), previews=tuple(previews))


def judge(wanted: Sequence[DemoSeries], standings: Mapping[str, Standing], written: Mapping[str, Written]) -> list[str]:
    """Return what did not end as it should, one sentence each; nothing if all is well."""
    problems = []
    for one in wanted:
        standing = standings[one.series_uid]
        if standing.end in (End.SKIPPED, End.HELD) and one.expected is None:
            continue
        if standing.end is not End.DELIVERED:
            problems.append(f"'{one.name}' has no delivered result: {answer(standing)}")
        elif not written[one.series_uid].reports:
            problems.append(f"'{one.name}': the PACS has no report")
        elif not written[one.series_uid].previews:
            problems.append(f"'{one.name}': there is no preview")
        elif one.expected is not None and standing.outcome is not one.expected:
            problems.append(f"'{one.name}' is {answer(standing)}, expected is {VERDICT_WORDS[one.expected]}")
    return problems


def _print_summary(
    wanted: Sequence[DemoSeries],
    standings: Mapping[str, Standing],
    written: Mapping[str, Written],
    manifest: Manifest,
    workspace: Workspace,
    console: Console,
) -> None:
    word = "probability" if manifest.calibrated else "score"
    title = f"{manifest.name} {manifest.version}: {manifest.title}"
    console.print()
    console.print(summary_table(wanted, standings, score_word=word, title=title))
    for one in wanted:
        console.print()
        console.print(f"{one.name}", style="bold")
        for report in written[one.series_uid].reports:
            console.print(f"  report   {report}", markup=False, soft_wrap=True)
        for preview in written[one.series_uid].previews:
            console.print(f"  preview  {preview}", markup=False, soft_wrap=True)
    console.print()
    console.print(
        f"job log: HOUNSFIELD_STORAGE__HOME={workspace.home} hounsfield jobs list", markup=False, soft_wrap=True
    )
    console.print(f"This is a demonstration, {manifest.banner or 'not for clinical use'}.", style="bold")
