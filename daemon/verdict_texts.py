"""How a completeness verdict looks: its evidence as JSON, and as lines for a person."""

from collections.abc import Mapping, Sequence

from hounsfield.daemon.logs import escape_controls
from hounsfield.storage.records import Verdict

_LONGEST_LIST = 12


def verdict_json(verdict: Verdict | None) -> dict[str, object] | None:
    """Return all of it; None where there is none."""
    if verdict is None:
        return None
    return {
        "completeness": verdict.completeness.value,
        "reasons": [reason.value for reason in verdict.reasons],
        "remarks": list(verdict.remarks),
        "evidence": verdict.evidence,
    }


def verdict_text(verdict: Verdict | None) -> str:
    """Return ``INCOMPLETE (gap, association-aborted)``; nothing where there is none."""
    if verdict is None:
        return ""
    reasons = ", ".join(reason.value for reason in verdict.reasons)
    return f"{verdict.completeness.value} ({reasons})" if reasons else verdict.completeness.value


def evidence_lines(evidence: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return label and text of each piece of evidence, in its order; what says nothing is left out."""
    lines = [(label_of(key), evidence_text(value)) for key, value in evidence.items()]
    return [(label, text) for label, text in lines if text]


def evidence_text(value: object) -> str:
    """Return JSON as a person reads it: ``received 28, announced 30``; long lists are cut, and say so."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, Mapping):
        parts = [(label_of(str(key)), evidence_text(inner)) for key, inner in value.items()]
        return ", ".join(f"{label} {text}" for label, text in parts if text)
    if isinstance(value, Sequence) and not isinstance(value, str):
        texts = [text for item in value[:_LONGEST_LIST] if (text := evidence_text(item))]
        more = [f"and {len(value) - _LONGEST_LIST} more"] if len(value) > _LONGEST_LIST else []
        nested = any(isinstance(item, Mapping) for item in value)
        return ("; " if nested else ", ").join([*texts, *more])
    return escape_controls(str(value))


def label_of(key: str) -> str:
    """Return a key as words."""
    return escape_controls(key.replace("_", " "))
