"""Drift over time as one HTML file that opens without a network: text and drawn lines, no script."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from hounsfield.daemon.drift.comparison import Drift, Level, Movement, compare, flagged, score_shift
from hounsfield.daemon.drift.current import DriftReader
from hounsfield.daemon.drift.plot import Mark, Point, plot
from hounsfield.model.drift.rates import share
from hounsfield.storage.analysis_facts import FactRecord

_BLOCKS = 24
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #1f5fa8; --look: #b06f00; --alarm: #b3261e;
  --paper: #ffffff; --edge: #d5dae0 }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #9aa5b1; --line: #7db4f0; --look: #e0a54a;
  --alarm: #f2837b; --paper: #14181d; --edge: #333b45 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem }
section { border-top: 1px solid var(--edge); padding: .5rem 0 1rem; break-inside: avoid }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-bottom: .2rem } p { margin: .3rem 0 }
table { border-collapse: collapse }
td, th { text-align: left; padding: .1rem 1rem .1rem 0; font-variant-numeric: tabular-nums }
.watch { color: var(--look); font-weight: 600 } .alarm { color: var(--alarm); font-weight: 700 }
.soft { color: var(--soft) }
svg { width: 100%; max-width: 29rem; height: auto } svg text { fill: var(--soft); font-size: 11px }
.frame { stroke: var(--edge); fill: none } .run { stroke: var(--line); fill: none; stroke-width: 2 }
.dot { fill: var(--line) } .bar { stroke: var(--line); stroke-width: 1 }
.mark { stroke-dasharray: 4 3 } .mark.watch { stroke: var(--look) } .mark.alarm { stroke: var(--alarm) }
.mark.soft { stroke: var(--soft) }
"""


def drift_page(reader: DriftReader, drifts: Sequence[Drift], now: datetime) -> str:
    """Return the page. Names of bundles and scanners are escaped; there is nothing of a patient in it."""
    sections = "\n".join(_section(reader, drift) for drift in drifts) or "<p>Nothing was analysed lately.</p>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Hounsfield: drift</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n<h1>Drift of bundles on scanners</h1>\n"
        f'<p class="soft">{_day(now)}. Each point compares {reader.settings.window_series} analyses with the baseline: '
        "the population stability index (PSI) less what chance alone makes of it.</p>\n"
        f"{sections}\n</body></html>\n"
    )


def _section(reader: DriftReader, drift: Drift) -> str:
    pair = drift.pair
    head = (
        f"<section><h2>{escape(pair.bundle)} {escape(pair.bundle_version)} on {escape(pair.scanner)}</h2>"
        f'<p><span class="{drift.level}">{drift.level.upper()}</span> '
        f'<span class="soft">{pair.analyses} analyses, the last on {_day(pair.last_at)}</span></p>'
    )
    if drift.level is Level.LEARNING:
        return head + "<p>There are too few analyses to compare yet.</p></section>"
    baseline, windows = reader.blocks(pair, _BLOCKS)
    return f"{head}{_plots(reader, drift, baseline, windows)}{_table(drift)}</section>"


def _plots(
    reader: DriftReader, drift: Drift, baseline: Sequence[FactRecord], windows: Sequence[Sequence[FactRecord]]
) -> str:
    settings = reader.settings
    marks = (Mark(settings.watch_psi, "watch", "watch"), Mark(settings.alarm_psi, "alarm", "alarm"))
    days = [_day(window[-1].at) for window in windows]
    plots = [plot("Score PSI", days, [_psi_point(score_shift(baseline, window).psi) for window in windows], marks)]
    if drift.baseline is not None:
        usual = Mark(drift.baseline.rate.value, "soft", "baseline")
        plots.append(plot("Share of flagged series", days, [_rate_point(window) for window in windows], (usual,)))
    if drift.input is not None:
        name = drift.input.name
        found = [compare(drift.pair, baseline, window, settings, chosen=drift.chosen) for window in windows]
        moved = [next((one.shift.psi for one in each.inputs if one.name == name), 0.0) for each in found]
        plots.append(plot(f"PSI of {name}", days, [_psi_point(psi) for psi in moved], marks))
    return "".join(plots)


def _psi_point(psi: float) -> Point:
    return Point(psi, psi, psi)


def _rate_point(window: Sequence[FactRecord]) -> Point:
    found = share(*flagged(window))
    return Point(found.value, found.low, found.high)


def _table(drift: Drift) -> str:
    rows = "".join(_row(kind, one) for kind, each in (("score", drift.scores), ("input", drift.inputs)) for one in each)
    return f"<table><tr><th></th><th></th><th>PSI</th><th>level</th></tr>{rows}</table>"


def _row(kind: str, movement: Movement) -> str:
    return (
        f'<tr><td class="soft">{kind}</td><td>{escape(movement.name)}</td><td>{movement.shift.psi:.2f}</td>'
        f'<td class="{movement.level}">{movement.level}</td></tr>'
    )


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d")
