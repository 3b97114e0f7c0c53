"""The demonstration from end to end: PACS, daemon, series over real DICOM, results back, and a judgement."""

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from hounsfield.daemon.demo.follow import follow
from hounsfield.daemon.demo.material import DemoSeries, generate, read_folder
from hounsfield.daemon.demo.process import AE_TITLE, PACS_AE_TITLE, DaemonProcess, environment
from hounsfield.daemon.demo.sender import Sender
from hounsfield.daemon.demo.show import LiveScreen, PlainScreen
from hounsfield.daemon.demo.standing import Standing
from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.daemon.demo.summary import collect, judge, print_summary
from hounsfield.daemon.demo.workspace import Workspace, prepare
from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.storage.engine import Database, open_database

READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    source: Path | None
    """A folder with DICOM files; None for generated series."""
    output: Path
    keep: bool
    bundle: Path | None
    """A bundle of the user's; None for the one that ships."""
    time_limit: float
    """Seconds for everything after the daemon is ready."""


def demonstrate(request: Request, console: Console) -> bool:
    """Run the demonstration and print it; return whether every step did what it should."""
    workspace = prepare(request.output, keep=request.keep, now=datetime.now().astimezone())
    wanted = _material(request, workspace, console)
    bundle = open_bundle(request.bundle or bundled())
    with (
        FolderStore(workspace.pacs, ae_title=PACS_AE_TITLE) as pacs,
        DaemonProcess(environment(workspace, pacs.port, bundle.folder, dict(os.environ)), workspace.log) as daemon,
    ):
        port = daemon.wait_ready(READY_SECONDS)
        console.print(f"daemon {AE_TITLE} on 127.0.0.1:{port}, PACS {PACS_AE_TITLE} on 127.0.0.1:{pacs.port}")
        with closing(open_database(None, workspace.home)) as database:
            sender = Sender(wanted, port)
            standings = _watch(wanted, sender, daemon, database, console, request.time_limit)
            written = {uid: collect(standing, database.jobs, workspace) for uid, standing in standings.items()}
    problems = judge(wanted, standings, written) + sender.problems()
    print_summary(wanted, standings, written, bundle.manifest, workspace, console)
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
    if request.bundle is not None:  # nobody knows what another model says about these heads
        wanted = [replace(one, expected=None) for one in wanted]
    console.print(f"three generated head CT series in {workspace.images}")
    return wanted


def _watch(
    wanted: Sequence[DemoSeries],
    sender: Sender,
    daemon: DaemonProcess,
    database: Database,
    console: Console,
    time_limit: float,
) -> dict[str, Standing]:
    """Send, and show progress until every series has ended."""
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
            lost=sender.lost,
            deadline=time.monotonic() + time_limit,
        )
