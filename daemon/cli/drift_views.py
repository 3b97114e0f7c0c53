"""How drift looks: its fixed JSON fields and its rows in tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hounsfield.daemon.drift.comparison import Drift, Level, Movement, Span, score_shift
from hounsfield.daemon.words import reason_words
from hounsfield.storage.analysis_facts import NotAnalysed

if TYPE_CHECKING:
    from hounsfield.daemon.config.drift import DriftSettings
    from hounsfield.daemon.drift.current import DriftReader
    from hounsfield.model.drift.rates import Interval

COLUMNS = ("bundle", "scanner", "baseline", "now", "score PSI", "flagged", "worst input", "level", "lately")
_BARS = "▁▂▃▄▅▆▇█"
_BLOCKS = 8
_DIGITS = 4


def drift_row(drift: Drift, reader: "DriftReader", settings: "DriftSettings") -> tuple[str, ...]:
    """Return a row of the report for people; the last column shows the score PSI of the last windows."""
    pair = drift.pair
    return (
        f"{pair.bundle} {pair.bundle_version}",
        pair.scanner,
        _count(drift.baseline) + (" (chosen)" if drift.chosen else ""),
        _count(drift.window) or str(pair.analyses),
        "" if drift.score is None else _moved(drift.score, drift.score is drift.scores[0]),
        _rates(drift),
        "" if drift.input is None else _moved(drift.input, unnamed=False),
        drift.level.value.upper() if drift.level is Level.ALARM else drift.level.value,
        "" if drift.level is Level.LEARNING else _spark(drift, reader, settings),
    )


def drift_json(drift: Drift) -> dict[str, object]:
    """Return what is known of one bundle on one scanner."""
    pair = drift.pair
    return {
        "bundle": pair.bundle,
        "version": pair.bundle_version,
        "sha256": pair.bundle_sha256,
        "scanner": pair.scanner,
        "level": drift.level.value,
        "analyses": pair.analyses,
        "last_at": pair.last_at,
        "baseline_chosen": drift.chosen,
        "baseline": _span(drift.baseline),
        "window": _span(drift.window),
        "positive_rate_change": _interval(drift.rate_change),
        "scores": [_movement(one) for one in drift.scores],
        "inputs": [_movement(one) for one in drift.inputs],
    }


def not_analysed_words(left_out: Sequence[NotAnalysed], bundle: str | None) -> Iterator[str]:
    """Yield one line per bundle version with what it did not analyse lately, and why."""
    wanted = [one for one in left_out if bundle is None or one.bundle == bundle]
    for name, version in dict.fromkeys((one.bundle, one.bundle_version) for one in wanted):
        reasons = ", ".join(
            f"{one.series} {reason_words(one.reason)}"
            for one in wanted
            if (one.bundle, one.bundle_version) == (name, version)
        )
        yield f"not analysed lately by {name} {version}: {reasons}"


def spark(values: Sequence[float], highest: float) -> str:
    """Return a line of bars, the tallest for ``highest`` and more."""
    last = len(_BARS) - 1
    return "".join(_BARS[min(last, max(0, round(value / highest * last)))] for value in values)


def _spark(drift: Drift, reader: "DriftReader", settings: "DriftSettings") -> str:
    baseline, windows = reader.blocks(drift.pair, _BLOCKS)
    return spark([score_shift(baseline, window).psi for window in windows], 2 * settings.alarm_psi)


def _count(span: Span | None) -> str:
    return "" if span is None else str(span.analyses)


def _moved(movement: Movement, unnamed: bool) -> str:
    number = f"{movement.shift.psi:.2f}"
    return number if unnamed else f"{movement.name} {number}"


def _rates(drift: Drift) -> str:
    if drift.baseline is None or drift.window is None or drift.rate_change is None:
        return ""
    change = drift.rate_change
    return (
        f"{drift.baseline.rate.value:.0%} then, {drift.window.rate.value:.0%} now "
        f"({100 * change.low:+.0f} to {100 * change.high:+.0f})"
    )


def _span(span: Span | None) -> dict[str, object] | None:
    if span is None:
        return None
    return {
        "analyses": span.analyses,
        "first_at": span.first_at,
        "last_at": span.last_at,
        "positive_rate": _interval(span.rate),
    }


def _interval(found: "Interval | None") -> list[float] | None:
    return None if found is None else [round(one, _DIGITS) for one in (found.value, found.low, found.high)]


def _movement(movement: Movement) -> dict[str, object]:
    return {
        "name": movement.name,
        "psi": round(movement.shift.psi, _DIGITS),
        "raw_psi": round(movement.shift.raw_psi, _DIGITS),
        "chance": float(f"{movement.shift.chance:.2g}"),
        "level": movement.level.value,
    }
