"""Writes what a check has found: a report to look at, the clean manifest, and what is not in it."""

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Final

from hounsfield.model.data.balance import Balance, Share, balance, summary
from hounsfield.model.data.check import Checked
from hounsfield.model.data.problems import MEANING, Consequence, Kind, Problem, consequence
from hounsfield.model.data.rows import CLEAN, EXCLUDED, write_clean, write_excluded

REPORT, SUMMARY = "report.html", "summary.json"
_LISTED: Final = 20
"""Files named in the report for each kind of problem; the tables beside it have all."""
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d8dee6; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: .9rem; width: 12rem; background: #e6eaef; }
.bar i { background: #b3541e; } .bar b { background: #4f7f9f; }
code { font-size: .9em; overflow-wrap: anywhere; } li { margin: .15rem 0; } .note { color: #57626f; }
"""


def write_report(folder: Path, checked: Checked, *, title: str) -> None:
    """Write ``report.html``, ``summary.json``, ``clean.csv`` and ``excluded.csv`` into ``folder``, made if absent.

    The report opens without a network. Names of files are in it as they are in the data set; nothing else of patients.
    """
    text = json.dumps(summary(checked), ensure_ascii=False, indent=2)
    page = html(checked, title=title)
    folder.mkdir(parents=True, exist_ok=True)
    _whole(folder / SUMMARY, lambda path: path.write_text(text + "\n", encoding="utf-8"))
    _whole(folder / REPORT, lambda path: path.write_text(page, encoding="utf-8"))
    _whole(folder / EXCLUDED, lambda path: write_excluded(path, checked.rows, _about_nothing(checked)))
    _whole(folder / CLEAN, lambda path: write_clean(path, checked.labels, checked.kept))


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Put a file in its place when it is whole: half a clean manifest would be taken for a small data set."""
    partial = path.with_name(f".{path.name}.partial")
    write(partial)
    partial.replace(path)


def _about_nothing(checked: Checked) -> list[Problem]:
    """Rows of tables for which there is no image."""
    images = {row.name for row in checked.rows}
    kinds = (Kind.LABEL_WITHOUT_FILE, Kind.OUTSIDE)
    return [one for one in checked.problems if one.kind in kinds and one.file not in images]


def html(checked: Checked, *, title: str) -> str:
    """Return the report as one page of HTML."""
    kept = checked.kept
    facts = (
        f"{len(checked.rows)} images were found; {len(kept)} stay, in {len({row.series for row in kept})} series of "
        f"{len({row.patient for row in kept})} patients."
    )
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>',
            f"<h1>{escape(title)}</h1>",
            f"<p><strong>{'The data set is clean.' if checked.clean else 'The data set is not clean.'}</strong>",
            f"{facts}</p>",
            "<h2>What was found</h2>",
            _problems_table(checked),
            "<h2>Labels of what stays</h2>",
            _balance_table(balance(checked.labels, kept)),
            _scanners(checked),
            *(_files_of(checked, kind) for kind in checked.counts()),
            "</html>",
            "",
        )
    )


def _problems_table(checked: Checked) -> str:
    counts = checked.counts()
    if not counts:
        return '<p class="note">Nothing.</p>'
    rows = "".join(
        f'<tr><td><a href="#{kind}">{kind}</a></td><td class="n">{count}</td>'
        f"<td>{_follows(checked, kind)}</td><td>{escape(MEANING[kind])}</td></tr>"
        for kind, count in counts.items()
    )
    return f'<table><tr><th>problem</th><th class="n">found</th><th>so it is</th><th>means</th></tr>{rows}</table>'


def _follows(checked: Checked, kind: Kind) -> str:
    return "accepted" if kind in checked.accepted else consequence(kind).value


def _balance_table(shares: list[Balance]) -> str:
    head = "".join(f'<th class="n">{of} with</th><th class="n">without</th>' for of in ("slices", "series", "patients"))
    rows = "".join(
        f"<tr><td>{escape(one.label)}</td>{_cells(one.slices)}{_cells(one.series)}{_cells(one.patients)}"
        f"<td>{_bar(one.series)}</td></tr>"
        for one in shares
    )
    note = '<p class="note">What is in neither column is not known. The bars show the series.</p>'
    return f"<table><tr><th>label</th>{head}<th></th></tr>{rows}</table>{note}"


def _cells(share: Share) -> str:
    return f'<td class="n">{share.positive}</td><td class="n">{share.negative}</td>'


def _bar(share: Share) -> str:
    total = max(share.positive + share.negative + share.unknown, 1)
    widths = (100 * share.positive / total, 100 * share.negative / total)
    return f'<div class="bar"><i style="width:{widths[0]:.1f}%"></i><b style="width:{widths[1]:.1f}%"></b></div>'


def _scanners(checked: Checked) -> str:
    series = {row.series: row.scanner for row in checked.kept}
    counts: dict[str, int] = {}
    for scanner in series.values():
        counts[scanner] = counts.get(scanner, 0) + 1
    if set(counts) <= {""}:
        return ""
    rows = "".join(
        f'<tr><td>{escape(name or "not stated")}</td><td class="n">{count}</td></tr>'
        for name, count in sorted(counts.items(), key=lambda item: -item[1])
    )
    return f'<h2>Scanners</h2><table><tr><th>scanner</th><th class="n">series</th></tr>{rows}</table>'


def _files_of(checked: Checked, kind: Kind) -> str:
    found = [problem for problem in checked.problems if problem.kind is kind]
    items = "".join(f"<li><code>{escape(one.file)}</code> {escape(one.words)}</li>" for one in found[:_LISTED])
    more = f'<p class="note">and {len(found) - _LISTED} more</p>' if len(found) > _LISTED else ""
    where = f" All are in {EXCLUDED}." if more and consequence(kind) is not Consequence.NOTED else ""
    return f'<h3 id="{kind}">{kind}</h3><p>{escape(MEANING[kind])}{where}</p><ul>{items}</ul>{more}'
