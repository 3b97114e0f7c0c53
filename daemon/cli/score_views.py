"""The scores of a result, one line for each label of its bundle."""

from collections.abc import Mapping

from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.words import number


def score_lines(detail: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return heading and text for each label, as the job log keeps them; nothing for a single one.

    Its score stands elsewhere. Results of earlier versions keep no scores by label.
    """
    scores, thresholds = detail.get("scores"), detail.get("thresholds")
    if not isinstance(scores, Mapping) or not isinstance(thresholds, Mapping) or len(scores) < 2:
        return []
    headings = ["scores", *[""] * (len(scores) - 1)]
    return [
        (heading, _line(str(label), score, thresholds.get(label)))
        for heading, (label, score) in zip(headings, scores.items(), strict=True)
    ]


def _line(label: str, score: float, threshold: float | None) -> str:
    reached = ""
    if threshold is not None:
        reached = f"  {'at or above' if score >= threshold else 'below'} {threshold:g}"
    return f"{escape_controls(label)} {number(score, 3)}{reached}"
