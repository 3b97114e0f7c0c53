"""The model card: written by the script that made the model, so that no number in it is typed by hand."""

from typing import Any

from hounsfield.model.data.phantoms import LABELS, POSITIVE_MM2, SMALLEST_BRAIN_MM2
from hounsfield.model.train.demo.figures import Figures
from hounsfield.model.train.demo.recipe import (
    GOLDEN_TOLERANCE,
    REQUIRED_AUC,
    REQUIRED_GAIN,
    SPECIFICITY,
    STEP_MM,
    Recipe,
)
from hounsfield.model.train.demo.summary import Point

CARD = """# ich-demo: haemorrhage on head CT, a demonstration

**{banner}**

Two small networks: {parameters} makes a vector of each axial slice, and a recurrent one reads the vectors of all slices
of a series and answers for each slice and for the series: haemorrhage of any kind, which decides, and five kinds, which
say more about it. It ships so that the whole way from a CT series to a structured report can be shown and tested. It
has never seen a patient, and its answer on a real head CT means nothing: a computer-drawn head knows neither a tumour
nor an operation.

## Made by
`make demo-model` (seed {seed}): {heads} computer-drawn heads for the first network, {sequence} more for the second,
{validation} for calibration and thresholds, others for the figures below; no head is in two sets. A quarter of the
training heads comes from a plainer painter, the rest from the painter that also draws the held-out heads, at mixed
difficulty, with slices {low} to {high} mm apart. {steps} steps of {batch} slices, half of them positive, and
{sequence_steps} steps of {sequence_batch} series. Preprocessing `{preprocessing}`: the brain without skull, relative to
its own median. The scores are calibrated on the validation heads (Platt), half of which bleed.

On the same machine with the same versions the same seed gives the same files bit for bit. On another machine the
shipped model must score the golden series within {tolerance}, or it is not served; trained anew there, rounding grows
into other weights, whose held-out slice AUC must still be {required_auc:.2f} or more and {required_gain:.2f} above the
best brightness rule, or the script fails.

## Figures
{whose} On computer-drawn heads, which says nothing about patients. A slice is positive from {positive:.0f} mm2 of
lesion and left out below; slices with less than {brain:.0f} mm2 of brain are left out. Thresholds, chosen on the
validation set for a specificity of {specificity:.2f}: series {series_threshold}, slice {slice_threshold}.

{figures}

{sets}

## Kinds of haemorrhage
Area under the curve of each kind against all else.

{kinds}
"""

ROWS = (
    ("slices (positive)", "slices"),
    ("slice AUC", "slice_auc"),
    ("best brightness rule, AUC", "best_rule_auc"),
    ("gain over it", "gain"),
    ("slice sensitivity", "slice_sensitivity"),
    ("slice specificity", "slice_specificity"),
    ("slice calibration error (ECE)", "slice_ece"),
    ("series (positive)", "series"),
    ("series AUC", "series_auc"),
    ("series sensitivity", "series_sensitivity"),
    ("series specificity", "series_specificity"),
    ("series calibration error (ECE)", "series_ece"),
)
KIND_ROWS = tuple((f"{level}, {kind}", f"{level}_auc_{kind}") for level in ("slice", "series") for kind in LABELS[1:])
SETS = {
    "held_out": "*held out*: drawn like the training heads, at the difficulty of the first sketch of the painter.",
    "hard": "*hard*: every benign finding as often as can be, lesions of 0.75 the size, 0.5 to 0.85 the contrast.",
    "fixed": "*fixed*: 200 series by another, plainer generator that training never sees.",
    "phantom2": "*phantom2*: 200 series by the sketch that the painter grew from.",
    "phantom2-hard": "*phantom2-hard*: the same, as hard as *hard*.",
}


def model_card(recipe: Recipe, points: tuple[Point, ...], figures: Figures, banner: str) -> str:
    """Return the Markdown text."""
    network = recipe.network
    return CARD.format(
        banner=banner,
        parameters=f"`{network.name}` ({network.shape[0]} x {network.shape[1]} pixels)",
        seed=recipe.seed,
        heads=recipe.training_heads,
        sequence=recipe.sequence_heads,
        validation=recipe.validation_heads,
        low=STEP_MM[0],
        high=STEP_MM[1],
        steps=recipe.steps,
        batch=recipe.batch,
        sequence_steps=recipe.sequence_steps,
        sequence_batch=recipe.sequence_batch,
        preprocessing=recipe.preprocessing.name,
        tolerance=GOLDEN_TOLERANCE,
        required_auc=REQUIRED_AUC,
        required_gain=REQUIRED_GAIN,
        positive=POSITIVE_MM2,
        brain=SMALLEST_BRAIN_MM2,
        specificity=SPECIFICITY,
        series_threshold=points[0].series,
        slice_threshold=points[0].slice,
        whose=_whose(figures),
        figures=_table(figures, ROWS),
        sets="\n".join(SETS[name] for name in figures.sets if name in SETS),
        kinds=_table(figures, KIND_ROWS),
    )


def _whose(figures: Figures) -> str:
    if len(figures.seeds) == 1:
        return "Of this model, with intervals (95 %) by bootstrap over heads."
    seeds = ", ".join(str(seed) for seed in figures.seeds)
    return (
        f"Means over trainings with the seeds {seeds}, with intervals (95 %) by Student's t; counts are sums. Each "
        f"seed has its own held-out and hard heads; other sets are the same for all. Seed {figures.ships} ships; it "
        f"was chosen before."
    )


def _table(figures: Figures, rows: tuple[tuple[str, str], ...]) -> str:
    names = list(figures.sets)
    lines = ["| | " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {title} | " + " | ".join(_cell(figures.sets[name], figure) for name in names) + " |"
        for title, figure in rows
    ]
    return "\n".join(lines)


def _cell(given: Any, name: str) -> str:
    value = given.get(name)
    if name in ("slices", "series"):
        return f"{value} ({given[f'positive_{name}']})"
    if isinstance(value, list):
        return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"
    return "none drawn" if value is None else f"{value:.3f}"
