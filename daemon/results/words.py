"""The sentences of a result. English, plain ASCII, without patient data.

No sentence says absent, negative, normal or clear: a result that is not flagged excludes nothing.
"""

import math
import unicodedata

from hounsfield.daemon.results.request import BundleFacts, ReportRequest
from hounsfield.storage.states import Outcome

DISCLAIMER = (
    "Preliminary automatic result, not for diagnosis; it does not replace the reading of the images by a physician."
)
LONGEST_LO = 64
"""Characters of the value representation LO (PS3.5 6.2)."""

_TRANSLITERATED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "–": "-", "—": "-", "\\": "/"}
)


def plain(text: str, longest: int | None = None) -> str:
    """Return ``text`` as printable ASCII on one line, cut to ``longest`` characters.

    Our text stands beside the patient's in the source's character set, which may hold little else than ASCII;
    the backslash separates values.
    """
    ascii_text = unicodedata.normalize("NFKD", text.translate(_TRANSLITERATED)).encode("ascii", "ignore").decode()
    one_line = " ".join("".join(c if c.isprintable() else " " for c in ascii_text).split())
    return one_line if longest is None else one_line[:longest].rstrip()


def shown(score: float, threshold: float, digits: int = 2) -> str:
    """Return the score rounded, but never over the threshold from the side it lies on."""
    unit = 10.0**digits
    rounded = round(score * unit) / unit
    if score < threshold <= rounded:
        rounded = math.floor(score * unit) / unit
    elif rounded < threshold <= score:
        rounded = math.ceil(score * unit) / unit
    return f"{rounded:.{digits}f}"


def score_word(bundle: BundleFacts) -> str:
    """Return "probability" for a calibrated bundle, else "score"."""
    return "probability" if bundle.calibrated else "score"


def verdict(request: ReportRequest) -> str:
    """Return "FLAGGED score 0.93", "NOT FLAGGED score 0.04" or "NOT ANALYSED"."""
    if request.finding is None:
        return "NOT ANALYSED"
    flag = "FLAGGED" if request.outcome is Outcome.POSITIVE else "NOT FLAGGED"
    return f"{flag} {score_word(request.bundle)} {shown(request.finding.score, request.finding.threshold)}"


def series_description(request: ReportRequest) -> str:
    """Return the result in words: many viewers show nothing else."""
    head = f"AI {request.bundle.short}: {verdict(request)}"
    tail = {
        Outcome.POSITIVE: "not for diagnosis",
        Outcome.NEGATIVE: f"does not exclude {request.bundle.label}",
        Outcome.NOT_ANALYSED: request.words,
    }[request.outcome]
    text = plain(f"{head} - {tail}")
    if len(text) > LONGEST_LO and request.outcome is Outcome.NEGATIVE:
        text = plain(f"{head} - not for diagnosis")
    return plain(text, LONGEST_LO)


def summary(request: ReportRequest) -> str:
    """Return the result in two or three sentences (121111)."""
    head = f"AI {request.bundle.short}: {verdict(request)}"
    if request.finding is None:
        head = f"{head} - {request.words}. The images were not analysed for {request.bundle.label}."
    else:
        head = f"{head} (threshold {request.finding.threshold:g})."
        if request.outcome is Outcome.NEGATIVE:
            head = f"{head} This does not exclude {request.bundle.label}."
    return plain(" ".join(part for part in (head, "Not for diagnosis.", banner_sentence(request.bundle)) if part))


def comment(request: ReportRequest) -> str:
    """Return completeness, what was done about the input, the disclaimer (121106)."""
    checked = request.verdict
    reasons = ", ".join(str(reason) for reason in checked.reasons)
    completeness = f"Series completeness: {checked.completeness}{f' ({reasons})' if reasons else ''}"
    remarks = dict.fromkeys((*checked.remarks, *request.analysis.remarks))
    sentences = [completeness, *remarks, DISCLAIMER, banner_sentence(request.bundle)]
    return plain(" ".join(_sentence(text) for text in sentences if text))


def banner_sentence(bundle: BundleFacts) -> str:
    """Return what a bundle that is not clinical must say wherever it speaks; empty for a clinical one."""
    if bundle.clinical and not bundle.banner:
        return ""
    return _sentence(f"Model: {bundle.banner or 'not for clinical use'}")


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped if stripped.endswith((".", "!", "?")) else f"{stripped}."
