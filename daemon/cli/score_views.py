"""The scores of a result, one line for each label of its bundle."""

from collections.abc import Mapping

from rich.text import Text

from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.words import number


def score_lines(detail: Mapping[str, object], width: int) -> list[Text]:
    """Return what the job log keeps of the labels; nothing for a single one, whose score stands elsewhere.

    ``width`` is that of the headings of the other fields. Results of earlier versions keep no scores by label.
    """
    scores, thresholds = detail.get("scores"), detail.get("thresholds")
    if not isinstance(scores, Mapping) or not isinstance(thresholds, Mapping) or len(scores) < 2:
        return []
    headings = ["scores", *[""] * (len(scores) - 1)]
    return [
        Text.assemble((f"{heading:<{width}}", "bold"), _line(str(label), score, thresholds.get(label)))
        for heading, (label, score) in zip(headings, scores.items(), strict=True)
    ]


def _line(label: str, score: float, threshold: float | None) -> str:
    reached = ""
    if threshold is not None:
        reached = f"  {'at or above' if score >= threshold else 'below'} {threshold:g}"
    return f"{escape_controls(label)} {number(score, 3)}{reached}"
