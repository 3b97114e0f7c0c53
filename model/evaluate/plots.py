"""Pictures of an evaluation as PNG. matplotlib without a display and without its global state.

Colours are those of Okabe and Ito, which people who see fewer colours tell apart; nothing is told by colour alone.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.bootstrap import band, patient_draws, precision_points, roc_points, whole
from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.extras import needs_train
from hounsfield.model.evaluate.figures import Evaluation, LabelFigures
from hounsfield.model.evaluate.rates import Confusion
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.words import words
from hounsfield.model.evaluate.worst import WorstCase, WorstCases

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6b6b6b"
DPI = 110
PANEL_INCHES = 3.1
COLUMNS = 3
BAND_ROUNDS = 200
_GRID = np.linspace(0.0, 1.0, 101)
_BINS = np.linspace(0.0, 1.0, 41)


@dataclass(frozen=True, slots=True)
class Panel:
    """What a picture of one label is drawn from."""

    figures: LabelFigures
    cases: Cases


Draw = Callable[[Any, Panel], None]
"""Draws into a matplotlib ``Axes``."""


@needs_train
def plots(scored: Scored, evaluation: Evaluation) -> Mapping[str, bytes]:
    """Return PNG files by name, such as ``series-roc.png``; a level without known truth has none."""
    pictures = {}
    for level in (Level.SERIES, Level.SLICE):
        panels = [Panel(figures, cases_of(scored, level, label)) for label, figures in enumerate(evaluation.of(level))]
        for name, (draw, usable) in KINDS.items():
            chosen = [panel for panel in panels if usable(panel)]
            if chosen:
                pictures[f"{level}-{name}.png"] = _picture(chosen, draw)
    return pictures


def _picture(panels: list[Panel], draw: Draw) -> bytes:
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    rows = ceil(len(panels) / columns)
    figure = Figure(figsize=(PANEL_INCHES * columns, PANEL_INCHES * rows), dpi=DPI, layout="constrained")
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if place >= len(panels):
            axes.set_axis_off()
            continue
        axes.tick_params(labelsize=8)
        axes.set_title(panels[place].figures.label, fontsize=10)
        draw(axes, panels[place])
    return png(figure)


def png(figure: Any) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _roc(axes: Any, panel: Panel) -> None:
    curve = whole(panel.cases)
    low, high = band(panel.cases, roc_points, _GRID, _draws(panel.cases))
    axes.fill_between(_GRID, low, high, color=BLUE, alpha=0.2, linewidth=0, label="95 % of draws")
    rates = (
        np.concatenate([[0.0], curve.fp[0] / curve.fp[0, -1]]),
        np.concatenate([[0.0], curve.tp[0] / curve.tp[0, -1]]),
    )
    axes.plot(*rates, color=BLUE, linewidth=1.5, label=f"AUROC {words(panel.figures.auroc)}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    at = panel.figures.operating
    if at and at.sensitivity and at.specificity:
        axes.plot(1 - at.specificity.value, at.sensitivity.value, "o", color=ORANGE, markersize=6, label="threshold")
    _square(axes, "1 - specificity", "sensitivity", "lower right")


def _pr(axes: Any, panel: Panel) -> None:
    curve = whole(panel.cases)
    recalls = _GRID[1:]
    low, high = band(panel.cases, precision_points, recalls, _draws(panel.cases))
    axes.fill_between(recalls, low, high, color=BLUE, alpha=0.2, linewidth=0, label="95 % of draws")
    recall, precision = curve.tp[0] / curve.tp[0, -1], curve.tp[0] / (curve.tp[0] + curve.fp[0])
    axes.step(recall, precision, where="pre", color=BLUE, linewidth=1.5, label=f"AUPRC {words(panel.figures.auprc)}")
    share = panel.cases.positives / len(panel.cases.truth)
    axes.axhline(share, color=GREY, linewidth=1, linestyle=":", label=f"without skill {share:.3f}")
    _square(axes, "sensitivity (recall)", "precision (PPV)", "lower left")


def _calibration(axes: Any, panel: Panel) -> None:
    known = panel.figures.reliability
    if known is None:
        return
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    most = max(one.cases for one in known.bins)
    for one in known.bins:
        axes.bar(one.mean_score, 0.15 * one.cases / most, width=0.05, color=GREY, alpha=0.4)
    means, shares = zip(*((one.mean_score, one.share_positive) for one in known.bins), strict=True)
    axes.plot(means, shares, "o-", color=BLUE, linewidth=1.5, markersize=5, label=f"ECE {words(known.ece)}")
    _square(axes, "mean score", "share positive (bars: cases)", "upper left")


def _confusion(axes: Any, panel: Panel) -> None:
    if panel.figures.operating is None:
        return
    counts = _matrix(panel.figures.operating.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(2):
        for column in range(2):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{counts[row, column]:.0f}\n{shares[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=11)
    axes.set_xticks([0, 1], ["flagged", "not flagged"], fontsize=9)
    axes.set_yticks([0, 1], ["positive", "other"], fontsize=9, rotation=90, va="center")
    axes.set_ylabel("truth", fontsize=9)


def _matrix(confusion: Confusion) -> NDArray[np.float64]:
    return np.array([[confusion.tp, confusion.fn], [confusion.fp, confusion.tn]], np.float64)


def _histogram(axes: Any, panel: Panel) -> None:
    cases = panel.cases
    axes.hist(cases.scores[~cases.truth], _BINS, color=BLUE, alpha=0.5, label=f"other ({cases.negatives})")
    axes.hist(
        cases.scores[cases.truth],
        _BINS,
        color=ORANGE,
        histtype="step",
        linewidth=1.8,
        hatch="///",
        label=f"positive ({cases.positives})",
    )
    if panel.figures.operating:
        axes.axvline(panel.figures.operating.threshold, color="black", linewidth=1, linestyle="--", label="threshold")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, 30 * max(axes.get_ylim()[1], 1.0))  # room for the legend
    axes.set_xlabel("score", fontsize=9)
    axes.set_ylabel("cases (logarithmic)", fontsize=9)
    axes.legend(loc="upper center", ncols=2, fontsize=7.5, framealpha=0.9)


def _square(axes: Any, x: str, y: str, legend: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.legend(loc=legend, fontsize=7.5, framealpha=0.9)


def _draws(cases: Cases) -> NDArray[np.float64]:
    return patient_draws(cases.patients, BAND_ROUNDS, seed=0)


KINDS: Mapping[str, tuple[Draw, Callable[[Panel], bool]]] = {
    "roc": (_roc, lambda panel: panel.cases.both),
    "precision-recall": (_pr, lambda panel: panel.cases.both),
    "calibration": (_calibration, lambda panel: panel.figures.reliability is not None),
    "confusion": (_confusion, lambda panel: panel.figures.operating is not None),
    "scores": (_histogram, lambda panel: len(panel.cases.truth) > 0),
}
"""File name, how it is drawn, and for which labels it can be."""


@needs_train
def worst_pictures(worst: WorstCases, tensors: NDArray[np.floating]) -> Mapping[str, bytes]:
    """Return ``worst-missed.png`` and ``worst-raised.png``: the slices as the network sees them, first channel.

    ``tensors`` are those of the prepared data set, (n, rows, columns, channels).
    """
    groups = {"worst-missed.png": worst.missed, "worst-raised.png": worst.raised}
    return {name: _contact_sheet(cases, tensors) for name, cases in groups.items() if cases}


def _contact_sheet(cases: tuple[WorstCase, ...], tensors: NDArray[np.floating]) -> bytes:
    from matplotlib.figure import Figure

    columns = min(4, len(cases))
    rows = ceil(len(cases) / columns)
    figure = Figure(figsize=(2.4 * columns, 2.7 * rows), dpi=DPI, layout="constrained")
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(cases):
            image = np.asarray(tensors[cases[place].row, :, :, 0], np.float32)
            low, high = np.quantile(image, (0.01, 0.99))
            axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-3), interpolation="nearest")
            words_above = f"slice {cases[place].row} ({cases[place].name})\nscore {cases[place].score:.3f}"
            axes.set_title(words_above, fontsize=8)
    return png(figure)
