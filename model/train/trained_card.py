"""The model card of a bundle that `hounsfield train` made: nothing in it is typed by hand but what the author says."""

from collections.abc import Mapping
from typing import Any

from hounsfield.model.evaluate.thresholds import Thresholds
from hounsfield.model.train.config import TrainConfig
from hounsfield.model.train.split import Part, Split
from hounsfield.model.train.view import View

CARD = """# {title}

**{banner}**

{intended_use}

## Limits
{limits}

## Made by
`hounsfield train` (seed {seed}): network `{network}`, input {shape}, preprocessing `{preprocessing}`,
{optimiser}, {schedule} schedule. Data: {source}.

| part | patients | series |
|---|---|---|
{parts}

No patient is in two parts. Thresholds were {origin}; a label without a positive case there has 0.5.

| label | series threshold | slice threshold |
|---|---|---|
{thresholds}

## Figures
AUC with its 95 % interval, bootstrap over patients. The validation part chose epoch and thresholds, so its figures
flatter; those of the test part do not.

| | validation | test |
|---|---|---|
{figures}
"""


def trained_card(
    config: TrainConfig, view: View, split: Split, thresholds: Thresholds, metrics: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return the Markdown text. Raises ValueError without ``[bundle]``."""
    bundle = config.bundle
    if bundle is None:
        raise ValueError("a card needs [bundle]")
    encoder = f" ({config.network.encoder})" if config.two_stages else ""
    return CARD.format(
        title=bundle.title,
        banner=bundle.banner or bundle.title,
        intended_use=bundle.intended_use,
        limits=bundle.limits,
        seed=config.training.seed,
        network=f"{config.network.name}{encoder}",
        shape=" x ".join(str(side) for side in view.shape),
        preprocessing=view.preprocessing.name,
        optimiser=f"{config.optimiser.name} at {config.optimiser.rate:g}",
        schedule=config.schedule.name,
        source=(bundle.training_data or view.prepared.about.source or "not described").rstrip("."),
        parts="\n".join(_part(view, split, part) for part in Part),
        origin=thresholds.origin,
        thresholds="\n".join(
            f"| {name} | {_number(series)} | {_number(slices)} |"
            for name, series, slices in zip(thresholds.labels, thresholds.series, thresholds.slices, strict=True)
        ),
        figures="\n".join(_row(name, metrics) for name in _names(metrics)),
    )


def _part(view: View, split: Split, part: Part) -> str:
    series = split.series(part)
    patients = len(set(view.prepared.index.patient[series].tolist()))
    return f"| {part} | {patients} | {len(series)} |"


def _number(value: float | None) -> str:
    return "not chosen" if value is None else f"{value:g}"


def _names(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for part in metrics.values() for name in part))


def _row(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    return f"| {name.replace('_', ' ')} | {_cell(metrics, 'validation', name)} | {_cell(metrics, 'test', name)} |"


def _cell(metrics: Mapping[str, Mapping[str, Any]], part: str, name: str) -> str:
    value = metrics.get(part, {}).get(name)
    if isinstance(value, list):
        return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"
    return "not defined" if value is None else str(value)
