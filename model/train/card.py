"""The model card: written by the script that made the model, so that no number in it is typed by hand."""

from hounsfield.model.evaluate.summary import POSITIVE_MM2, SMALLEST_BRAIN_MM2, OperatingPoint, Summary
from hounsfield.model.phantom import Subtype
from hounsfield.model.train.recipe import GOLDEN_TOLERANCE, REQUIRED_AUC, REQUIRED_GAIN, SPECIFICITY, Recipe

CARD = """# ich-demo: haemorrhage on head CT, a demonstration

**{banner}**

A small network ({parameters}) that looks at one axial slice at a time. It ships so that the whole way
from a CT series to a structured report can be shown and tested. It has never seen a patient, and its answer on a real
head CT means nothing: a phantom knows neither motion nor metal, neither a tumour nor a shunt. The score is not a
probability.

## Made by
`make demo-model` (seed {seed}): {heads} computer-drawn heads for training, {validation} for the thresholds, others
for the figures below; no head is in two sets. A quarter of the training heads comes from a plainer painter, the rest
from the painter that also draws the held-out heads, at mixed difficulty. {steps} steps of {batch} slices, half of
them positive. Preprocessing `{preprocessing}`: the brain without skull, relative to its own median.

On the same machine with the same versions the same seed gives the same `model.keras` bit for bit. On another
machine the shipped model must score the golden slices within {tolerance}, or it is not served; trained anew there,
rounding grows into other weights, whose held-out slice AUC must still be {required_auc:.2f} or more and
{required_gain:.2f} above the best brightness rule, or the script fails.

## Figures
On heads drawn like the training heads, which says nothing about patients. A slice is positive from
{positive:.0f} mm2 of lesion and left out below; slices with less than {brain:.0f} mm2 of brain are left out.
Intervals (95 %) by bootstrap over heads. Thresholds, chosen on the validation set for a specificity of
{specificity:.2f}: series {series_threshold}, slice {slice_threshold}.

| | held out | hard |
|---|---|---|
{rows}

*hard*: every benign bright finding as often as it can be, lesions 0.75 of the size and 0.5 to 0.85 of the contrast.
The series score is the mean of the three highest slice scores.

## Brightness rules on the same slices (AUC)
| rule | held out | hard |
|---|---|---|
{rules}

## Flagged series by kind of haemorrhage
| kind | held out | hard |
|---|---|---|
{kinds}

"""

ROWS = (
    ("slices (positive)", "slices"),
    ("slice AUC", "slice_auc"),
    ("best brightness rule, AUC", "best_rule_auc"),
    ("gain over it", "gain"),
    ("slice sensitivity", "slice_sensitivity"),
    ("slice specificity", "slice_specificity"),
    ("series (positive)", "series"),
    ("series AUC", "series_auc"),
    ("series sensitivity", "series_sensitivity"),
    ("series specificity", "series_specificity"),
)


def model_card(recipe: Recipe, point: OperatingPoint, test: Summary, hard: Summary, banner: str) -> str:
    """Return the Markdown text."""
    return CARD.format(
        banner=banner,
        parameters=f"`{recipe.network.name}`, {recipe.network.shape[0]} x {recipe.network.shape[1]} pixels",
        seed=recipe.seed,
        tolerance=GOLDEN_TOLERANCE,
        required_auc=REQUIRED_AUC,
        required_gain=REQUIRED_GAIN,
        specificity=SPECIFICITY,
        heads=recipe.training_heads,
        validation=recipe.validation_heads,
        steps=recipe.steps,
        batch=recipe.batch,
        preprocessing=recipe.preprocessing.name,
        positive=POSITIVE_MM2,
        brain=SMALLEST_BRAIN_MM2,
        series_threshold=point.series,
        slice_threshold=point.slice,
        rows="\n".join(f"| {title} | {_cell(test, name)} | {_cell(hard, name)} |" for title, name in ROWS),
        rules="\n".join(
            f"| {name} | {value:.3f} | {hard.rule_aucs[name]:.3f} |" for name, value in test.rule_aucs.items()
        ),
        kinds="\n".join(f"| {kind} | {_share(test, kind)} | {_share(hard, kind)} |" for kind in Subtype),
    )


def _cell(summary: Summary, name: str) -> str:
    if name in ("slices", "series"):
        return f"{getattr(summary, name)} ({getattr(summary, f'positive_{name}')})"
    return str(getattr(summary, name))


def _share(summary: Summary, kind: Subtype) -> str:
    share = summary.kind_sensitivity.get(kind.code)
    return "none drawn" if share is None else f"{share:.2f}"
