"""The report of an evaluation: one HTML file that needs nothing else, the pictures as files, the numbers as JSON."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from numpy import floating
from numpy.typing import NDArray

from hounsfield.model.evaluate.compare import Comparison
from hounsfield.model.evaluate.extras import needs_train
from hounsfield.model.evaluate.figures import Evaluation
from hounsfield.model.evaluate.plots import plots, worst_pictures
from hounsfield.model.evaluate.scores_file import ScoresFile, write_scores
from hounsfield.model.evaluate.tables import Table, all_tables, comparison_table
from hounsfield.model.evaluate.words import plain
from hounsfield.model.evaluate.worst import worst_cases

HTML, NUMBERS, SCORES, PLOTS = "report.html", "metrics.json", "scores.npz", "plots"
"""What lies in the folder of a report."""

CAPTIONS = {
    "roc": "ROC curve of the {level}. Band: 95 % of the draws of patients, for each point by itself.",
    "precision-recall": "Precision and recall of the {level}. Dotted: what a model without skill reaches.",
    "calibration": "Calibration of the {level}: on the dotted line a score is the share of positive cases.",
    "confusion": "Counts of the {level} at the threshold, with the share of their row.",
    "scores": "Scores of the {level}, positive and other cases, on a logarithmic scale.",
}
MEANINGS = (
    ("AUROC", "the chance that a positive case has a higher score than another one; 0.5 is guessing"),
    ("AUPRC", "average precision; a model without skill gets the share of positive cases"),
    ("interval", "the middle 95 % when the patients of the set are drawn again and again, whole patients at a time"),
    ("sensitivity", "share of the positive cases that are flagged"),
    ("specificity", "share of the other cases that are not flagged"),
    ("PPV, NPV", "how often a flag, or no flag, is right, if the stated share of cases were positive"),
    ("log loss", "what confident mistakes cost; smaller is better"),
    ("Brier score", "mean squared difference of score and truth; smaller is better"),
    ("ECE", "how far scores are from frequencies; 0 for a score that can be read as a probability"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture inside the page."""

    base64: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page."""

    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the template shows."""

    title: str
    subtitle: str
    banner: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was evaluated."""

    scores: ScoresFile
    evaluation: Evaluation
    banner: str = ""
    comparison: Comparison | None = None
    tensors: NDArray[floating] | None = None
    """Of the prepared data set; None: the worst slices are not shown."""


@needs_train
def write_report(folder: Path, subject: Subject) -> Path:
    """Write everything into ``folder``, over an earlier report; return the path of the HTML file."""
    pictures = plots(subject.scores.scored, subject.evaluation)
    worst = _worst(subject)
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    for name, content in {**pictures, **worst}.items():
        (folder / PLOTS / name).write_bytes(content)
    write_scores(folder / SCORES, subject.scores)
    (folder / NUMBERS).write_text(json.dumps(numbers(subject), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / HTML).write_text(rendered(report_of(subject, pictures, worst)), encoding="utf-8")
    return folder / HTML


def numbers(subject: Subject) -> dict[str, object]:
    """Return all figures as JSON can hold them."""
    content: dict[str, object] = {
        "bundle": subject.scores.bundle,
        "source": subject.scores.source,
        "evaluation": plain(subject.evaluation),
    }
    if subject.comparison:
        content["comparison"] = plain(subject.comparison)
    return content


def rendered(report: Report) -> str:
    """Return the page; every text in it is escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = resources.files("hounsfield.model.evaluate").joinpath("report.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(report=report)


def report_of(subject: Subject, pictures: Mapping[str, bytes], worst: Mapping[str, bytes]) -> Report:
    """Arrange figures and pictures for the page."""
    evaluation, scores = subject.evaluation, subject.scores
    sections = [Section(title=table.title, tables=(table,)) for table in all_tables(evaluation)]
    if subject.comparison:
        sections.insert(0, Section(title="Comparison", tables=(comparison_table(subject.comparison),)))
    sections += [
        Section(title=f"Curves: {level}", pictures=_pictures(pictures, level)) for level in ("series", "slice")
    ]
    sections.append(_worst_section(worst))
    sections.append(Section(title="What the figures mean", tables=(_meanings(),)))
    return Report(
        title=f"Evaluation of {scores.bundle}",
        subtitle="How good the scores are on this data set, and nothing about any patient.",
        banner=subject.banner,
        facts=(
            ("data", scores.source or "not stated"),
            ("cases", f"{evaluation.slices} slices of {evaluation.series} series of {evaluation.patients} patients"),
            ("thresholds", evaluation.threshold_origin),
            (
                "intervals",
                f"bootstrap over patients, {evaluation.settings.rounds} draws, seed {evaluation.settings.seed}",
            ),
        ),
        sections=tuple(section for section in sections if section.tables or section.pictures),
    )


def _pictures(pictures: Mapping[str, bytes], level: str) -> tuple[Picture, ...]:
    many = "series" if level == "series" else "slices"
    return tuple(
        _picture(content, CAPTIONS[name.removeprefix(f"{level}-").removesuffix(".png")].format(level=many))
        for name, content in pictures.items()
        if name.startswith(f"{level}-")
    )


def _picture(content: bytes, caption: str) -> Picture:
    return Picture(base64=base64.b64encode(content).decode("ascii"), caption=caption)


def _worst(subject: Subject) -> Mapping[str, bytes]:
    if subject.tensors is None:
        return {}
    return worst_pictures(worst_cases(subject.scores.scored, subject.scores.thresholds.slices[0]), subject.tensors)


def _worst_section(worst: Mapping[str, bytes]) -> Section:
    captions = {
        "worst-missed.png": "Positive slices with the lowest scores, one of each series.",
        "worst-raised.png": "Flagged slices that are not positive, with the highest scores, one of each series.",
    }
    return Section(
        title="Worst slices",
        text="As the network sees them, first channel. The number is the row in the prepared data set; the name is a "
        "hash of the name of the file.",
        pictures=tuple(_picture(content, captions[name]) for name, content in worst.items()),
    )


def _meanings() -> Table:
    return Table(title="What the figures mean", columns=("figure", "meaning"), rows=MEANINGS)
