"""What a demonstration ends with: the judgement, the table, and where the results lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hounsfield.daemon.demo.material import DemoSeries
from hounsfield.daemon.demo.process import QUIET_SECONDS
from hounsfield.daemon.demo.show import STYLES, answer
from hounsfield.daemon.demo.standing import STAGES, End, Standing
from hounsfield.daemon.demo.workspace import Workspace
from hounsfield.daemon.words import VERDICT_WORDS, number
from hounsfield.model.manifest import Manifest
from hounsfield.storage.ports import JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the result of one series lies, and what it says about the input."""

    reports: tuple[Path, ...]
    """SR files as the PACS received them."""
    previews: tuple[Path, ...]
    remarks: tuple[str, ...] = ()


def collect(standing: Standing, jobs: JobStore, workspace: Workspace) -> Written:
    """Return the files of a series' results: SR as the PACS keeps it, previews in the daemon's home."""
    reports, previews, remarks = [], [], []
    for result_set_id in standing.result_sets:
        result = jobs.result_set(result_set_id)
        if result is None:
            continue
        told = result.detail.get("remarks")
        remarks += [str(sentence) for sentence in told] if isinstance(told, list) else []
        for one in result.objects:
            received = workspace.pacs / f"{one.sop_instance_uid}.dcm"
            preview = workspace.home / "previews" / f"{one.sop_instance_uid}.png"
            if one.role == "sr" and received.is_file():
                reports.append(received)
            if preview.is_file():
                previews.append(preview)
    return Written(reports=tuple(reports), previews=tuple(previews), remarks=tuple(remarks))


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


def print_summary(
    wanted: Sequence[DemoSeries],
    standings: Mapping[str, Standing],
    written: Mapping[str, Written],
    manifest: Manifest,
    workspace: Workspace,
    console: Console,
) -> None:
    """Print the table, the files of each result, and where to read on."""
    word = "probability" if manifest.calibrated else "score"
    title = f"{manifest.name} {manifest.version}: {manifest.banner or manifest.title}"
    console.print()
    console.print(summary_table(wanted, standings, score_word=word, title=title))
    for one in wanted:
        for line in _result_lines(one, written[one.series_uid]):
            console.print(line, soft_wrap=True)
    console.print()
    console.print(
        f"job log: HOUNSFIELD_STORAGE__HOME={workspace.home} hounsfield jobs list", markup=False, soft_wrap=True
    )
    console.print("This is a demonstration, not for clinical use.", style="bold")


def _result_lines(one: DemoSeries, written: Written) -> list[Text]:
    """Return what to print about the result of one series; nothing if it has none."""
    lines = [Text(f"  report   {report}") for report in written.reports]
    lines += [Text(f"  preview  {preview}") for preview in written.previews]
    lines += [Text(f"  remark   {remark}", style="dim") for remark in written.remarks]
    return [Text(f"\n{one.name}", style="bold"), *lines] if lines else []


def summary_table(
    wanted: Sequence[DemoSeries], standings: Mapping[str, Standing], *, score_word: str, title: str
) -> Table:
    """Return the table at the end: series, verdict, score, seconds per stage."""
    caption = f"assemble includes the quiet period of {QUIET_SECONDS} s, infer the wait until the model is warm"
    table = Table(title=title, title_justify="left", title_style="bold", caption=caption, caption_justify="left")
    for column in ("series", "verdict", score_word):
        table.add_column(column)
    for column in (*(f"{stage} s" for stage in STAGES), "total s"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in wanted:
        standing = standings[one.series_uid]
        style = STYLES.get(standing.outcome, "") if standing.outcome else ""
        table.add_row(
            one.name,
            Text(answer(standing), style=style),
            number(standing.score),
            *(number(standing.seconds.get(stage)) for stage in STAGES),
            number(sum(standing.seconds.values())),
        )
    return table
