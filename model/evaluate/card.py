"""Model cards: what a bundle is for, what it was made from and how well it did; no figure in them is typed by hand."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.evaluate.cases import Level
from hounsfield.model.evaluate.figures import Evaluation, LabelFigures
from hounsfield.model.evaluate.tables import Table, card_tables
from hounsfield.model.evaluate.words import triple

CARD_NAME = "MODEL_CARD.md"
EVALUATION_KEY = "evaluation"
"""Of ``provenance.metrics``."""
_BEGIN, _END = "<!-- evaluation -->", "<!-- end of evaluation -->"
_BETWEEN = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says beside the figures; all of it in words of whoever made the bundle."""

    title: str
    banner: str
    """Printed first, as for a demonstration bundle; may be empty."""
    intended_use: str
    limits: str
    training_data: str
    made_by: str
    """Command and configuration, so that it can be made again."""
    network: str
    """Name and size, input, preprocessing."""
    details: Sequence[tuple[str, str]] = ()
    """More facts (name, value), such as seed, epochs, optimiser, how many series were trained on."""


def model_card(facts: CardFacts, evaluation: Evaluation, source: str) -> str:
    """Return the Markdown of a card; ``source`` says what the figures were measured on."""
    banner = f"**{_line(facts.banner)}**\n\n" if facts.banner else ""
    rows = (("network", facts.network), ("made by", facts.made_by), *facts.details)
    made = Table(title="Made by", columns=("", ""), rows=tuple((name, value) for name, value in rows)).markdown()
    return (
        f"# {_line(facts.title)}\n\n{banner}"
        f"## Intended use\n{facts.intended_use}\n\n"
        f"## Limits\n{facts.limits}\n\n"
        f"## Training data\n{facts.training_data}\n\n"
        f"## Made by\n{made}\n\n"
        f"{evaluation_section(evaluation, source)}\n"
    )


def evaluation_section(evaluation: Evaluation, source: str) -> str:
    """Return the part of a card that holds the figures, between marks by which it is found and replaced."""
    tables = "\n\n".join(
        f"### {table.title}\n{table.markdown()}" + (f"\n\n{_line(table.note)}" if table.note else "")
        for table in card_tables(evaluation)
    )
    counts = f"{evaluation.slices} slices of {evaluation.series} series of {evaluation.patients} patients"
    draws = evaluation.settings.rounds
    return (
        f"{_BEGIN}\n## Figures\nMeasured on {_line(source or 'a data set without description')}: {counts}. "
        f"Intervals (95 %) by bootstrap over patients, {draws} draws.\n\n{tables}\n{_END}"
    )


def _line(text: str) -> str:
    """Keep a text on its line and what it holds out of the page."""
    return " ".join(text.split()).replace("<", "&lt;")


def with_evaluation(card: str, evaluation: Evaluation, source: str) -> str:
    """Return a card with its figures replaced, or put at its end if it has none from here."""
    section = evaluation_section(evaluation, source)
    if _BETWEEN.search(card):
        return _BETWEEN.sub(lambda _: section, card, count=1)
    return f"{card.rstrip()}\n\n{section}\n"


def metrics(evaluation: Evaluation, source: str) -> dict[str, JsonValue]:
    """Return figures as ``provenance.metrics`` of a manifest holds them; estimates are [value, low, high]."""
    content: dict[str, JsonValue] = {
        "source": source,
        "slices": evaluation.slices,
        "series": evaluation.series,
        "patients": evaluation.patients,
        "thresholds": evaluation.threshold_origin,
    }
    for level in Level:
        named = {one.label: _of_label(one) for one in evaluation.of(level) if one.cases}
        if named:
            content[f"by_{level}"] = named
    return content


def _of_label(one: LabelFigures) -> JsonValue:
    at, known = one.operating, one.reliability
    figures: Mapping[str, JsonValue] = {
        "cases": one.cases,
        "positive": one.positives,
        "auroc": _json(triple(one.auroc)),
        "auprc": _json(triple(one.auprc)),
        "threshold": at.threshold if at else None,
        "sensitivity": _json(triple(at.sensitivity)) if at else None,
        "specificity": _json(triple(at.specificity)) if at else None,
        "brier": round(known.brier, 4) if known else None,
        "ece": round(known.ece, 4) if known else None,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _json(values: list[float] | None) -> JsonValue:
    return None if values is None else [*values]


def write_card(bundle: Bundle, evaluation: Evaluation, source: str) -> Bundle:
    """Write the figures into the card and ``provenance.metrics`` of a bundle; all else stays, its golden scores too.

    The bundle is made beside itself and put in its place, so that it is whole at any time; its sha256 is a new one.
    Raises BundleError if its folder cannot be replaced.
    """
    folder = bundle.folder
    beside, before = folder.with_name(folder.name + ".evaluated"), folder.with_name(folder.name + ".before")
    fields = bundle.manifest.model_dump(by_alias=True, exclude={"files"}, exclude_none=True)
    fields["provenance"]["metrics"] = {
        **bundle.manifest.provenance.metrics,
        EVALUATION_KEY: metrics(evaluation, source),
    }
    try:
        for leftover in (beside, before):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.copytree(folder, beside)
        path = beside / CARD_NAME
        card = path.read_text(encoding="utf-8") if path.exists() else f"# {bundle.manifest.title}\n"
        written = write_bundle(beside, fields, {CARD_NAME: with_evaluation(card, evaluation, source).encode()})
        folder.rename(before)
        beside.rename(folder)
        shutil.rmtree(before)
    except OSError as error:
        raise BundleError(f"{folder}: its card cannot be written ({error.strerror})") from error
    return Bundle(folder, written.manifest, written.sha256)
