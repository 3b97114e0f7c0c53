"""The screen of ``hounsfield top``."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hounsfield.daemon.beats import has_ended
from hounsfield.daemon.cli.board import Board, Disk
from hounsfield.daemon.cli.moments import duration
from hounsfield.daemon.cli.output import local
from hounsfield.daemon.cli.pause_notes import pause_line
from hounsfield.daemon.cli.stats_views import QUEUE_COLUMNS, queue_row
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.term_of_office import ELECTED
from hounsfield.daemon.verdict_texts import evidence_text
from hounsfield.daemon.words import number, subject, verdict
from hounsfield.storage.alarms import Alarm
from hounsfield.storage.components import Component
from hounsfield.storage.log_book import Intake
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import Outcome

DISKS = ("disk", "free GiB", "of GiB", "free")
PROCESSES = ("process", "state", "up", "starts", "version")
RUNNING = ("running", "kind", "series", "scanner", "what", "for", "worker")
CAME_IN = ("came in 5 min from", "series", "images", "last")
RESULTS = ("last result of", "job", "verdict", "score", "ago")
MOST_ROWS = 12
"""Of each table, so that all of them fit on a screen."""
_VERDICT_STYLES = {Outcome.POSITIVE: "bold", Outcome.NEGATIVE: "", Outcome.NOT_ANALYSED: "bold magenta"}
_GIB = 2**30
Cell = str | Text
Shown = Callable[[str], str]


def screen(board: Board, hash_of: Shown) -> Group:
    """Return everything, what is wrong first."""
    return Group(*_parts(board, hash_of))


def _parts(board: Board, hash_of: Shown) -> Iterator[RenderableType]:
    yield Text(f"hounsfield  {local(board.at)}", style="bold")
    yield from (Text(pause_line(pause), style="yellow") for pause in board.pauses)
    yield from (Text(_alarm(alarm, board), style="red") for alarm in board.alarms[:MOST_ROWS])
    if not board.alarms:
        yield Text("no alarm")
    yield Text(_for_people(board.counts), style="yellow" if any(board.counts.values()) else "")
    yield _table(DISKS, [_disk(disk) for disk in board.disks])
    if board.components:
        yield _table(PROCESSES, [_component(one, board) for one in board.components[:MOST_ROWS]])
    else:
        yield Text("no process of the service was ever heard of here", style="yellow")
    yield _table(QUEUE_COLUMNS, [queue_row(queue, board.at) for queue in board.queues])
    yield _table(RUNNING, [_running(job, board, hash_of) for job in board.running])
    yield _table(CAME_IN, [_intake(one, board) for one in board.intake[:MOST_ROWS]])
    yield _table(RESULTS, [_result(one.scanner, one.job, board) for one in board.results[:MOST_ROWS]])


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> RenderableType:
    """Return a table with an empty line before it; the column names alone where there is no row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return Padding(table, (1, 0, 0, 0))


def _alarm(alarm: Alarm, board: Board) -> str:
    about = f" {escape_controls(alarm.subject)}" if alarm.subject else ""
    told = evidence_text(alarm.detail)
    return f"ALARM {alarm.kind}{about} for {_ago(board, alarm.began_at)}{f': {told}' if told else ''}"


def _for_people(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _component(one: Component, board: Board) -> tuple[Cell, ...]:
    up = _ago(board, one.started_at) if board.lives(one) else ""
    return one.name, _state(one, board), up, str(one.starts), one.version


def _state(one: Component, board: Board) -> Text:
    if board.lives(one):
        return Text("stands by") if one.facts.get(ELECTED) is False else Text("lives", style="green")
    if has_ended(one):
        return Text(f"ended {_ago(board, one.seen_at)} ago")
    return Text(f"not heard of for {_ago(board, one.seen_at)}", style="red")


def _disk(disk: Disk) -> tuple[Cell, ...]:
    share = disk.free / disk.total if disk.total else 0.0
    return disk.holds, number(disk.free / _GIB, 1), number(disk.total / _GIB, 1), f"{share:.0%}"


def _running(job: JobRecord, board: Board, hash_of: Shown) -> tuple[Cell, ...]:
    scanner = escape_controls(job.scanner)
    since = _ago(board, job.updated_at)
    return str(job.id), job.kind.value, hash_of(job.series_uid), scanner, subject(job), since, job.worker or ""


def _intake(one: Intake, board: Board) -> tuple[Cell, ...]:
    last = "" if one.last_at is None else f"{_ago(board, one.last_at)} ago"
    return escape_controls(one.scanner) or "not known", str(one.series), str(one.instances), last


def _result(scanner: str, job: JobRecord, board: Board) -> tuple[Cell, ...]:
    style = "" if job.outcome is None else _VERDICT_STYLES[job.outcome]
    said = Text(verdict(job.outcome, job.reason), style=style)
    return escape_controls(scanner) or "not known", str(job.id), said, number(job.score, 3), _ago(board, job.updated_at)


def _ago(board: Board, moment: datetime) -> str:
    return duration((board.at - moment).total_seconds())
