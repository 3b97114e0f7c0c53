"""The sentences about one result, in the language of its profile. Plain ASCII, without patient data.

No sentence says absent, negative, normal or clear: a result that is not flagged excludes nothing.
"""

import math
import unicodedata

from hounsfield.daemon.config.descriptions import fill_in
from hounsfield.daemon.results.languages import WORDS, Words
from hounsfield.daemon.results.request import BundleFacts, ReportRequest
from hounsfield.storage.states import Outcome

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


def words_of(request: ReportRequest) -> Words:
    """Return the words of the language the result speaks."""
    return WORDS[request.profile.language]


def series_description(request: ReportRequest) -> str:
    """Return the result in words, or in the words of the site: many viewers show nothing else."""
    return _patterned(request) or _described(request)


def summary(request: ReportRequest) -> str:
    """Return the result in two or three sentences (121111)."""
    words, bundle = words_of(request), request.bundle
    head = _head(request, _score(request, words.probability))
    if request.finding is None:
        head = f"{head} - {request.words}. {words.not_analysed_sentence.format(finding=_finding(request))}"
    else:
        head = f"{head} ({words.threshold.format(value=f'{request.finding.threshold:g}')})."
        if request.outcome is Outcome.NEGATIVE:
            head = f"{head} {words.excludes_nothing_sentence.format(finding=_finding(request))}"
    parts = (head, _sentence(words.labels.not_for_diagnosis), banner_sentence(bundle, words))
    return plain(" ".join(part for part in parts if part))


def comment(request: ReportRequest) -> str:
    """Return completeness, what was done about the input if that is said in this language, the disclaimer (121106)."""
    checked, words = request.verdict, words_of(request)
    reasons = ", ".join(str(reason) for reason in checked.reasons)
    completeness = f"{words.completeness}: {checked.completeness}{f' ({reasons})' if reasons else ''}"
    about_input = _remarks(request) if request.profile.language == "en" else ()
    sentences = [completeness, *about_input, words.disclaimer, banner_sentence(request.bundle, words)]
    return plain(" ".join(_sentence(text) for text in sentences if text))


def foreign_remarks(request: ReportRequest) -> str:
    """Return what was done about the input, which is English, where the result speaks another language; else ""."""
    if request.profile.language == "en":
        return ""
    return plain(" ".join(_sentence(text) for text in _remarks(request)))


def banner_sentence(bundle: BundleFacts, words: Words) -> str:
    """Return what a bundle that is not clinical must say wherever it speaks; empty for a clinical one."""
    if bundle.clinical and not bundle.banner:
        return ""
    return _sentence(words.model.format(banner=bundle.banner or words.not_clinical))


def disclaimer(request: ReportRequest) -> str:
    """Return what stands beside every picture."""
    words = words_of(request)
    parts = (words.disclaimer, banner_sentence(request.bundle, words))
    return plain(" ".join(part for part in parts if part))


def _patterned(request: ReportRequest) -> str:
    """The site's own Series Description, "" if it has none or the verdict would not be whole in it."""
    pattern = request.profile.series_description
    if not pattern:
        return ""
    words, bundle = words_of(request), request.bundle
    verdict = _verdict(request)
    values = {
        "finding": bundle.short,
        "verdict": verdict,
        "score": _score(request, words.short_probability),
        "reason": request.words,
        "bundle": f"{bundle.name} {bundle.version}",
    }
    text = plain(fill_in(pattern, values), LONGEST_LO)
    return text if verdict in text else ""


def _described(request: ReportRequest) -> str:
    words = words_of(request)
    head = _head(request, _score(request, words.short_probability))
    tail = {
        Outcome.POSITIVE: words.not_for_diagnosis,
        Outcome.NEGATIVE: words.excludes_nothing.format(finding=_finding(request)),
        Outcome.NOT_ANALYSED: request.words,
    }[request.outcome]
    text = plain(f"{head} - {tail}")
    if len(text) > LONGEST_LO and request.outcome is Outcome.NEGATIVE:
        text = plain(f"{head} - {words.not_for_diagnosis}")
    return plain(text, LONGEST_LO)


def _verdict(request: ReportRequest) -> str:
    labels = words_of(request).labels
    return {Outcome.POSITIVE: labels.flagged, Outcome.NEGATIVE: labels.not_flagged}.get(
        request.outcome, labels.not_analysed
    )


def _head(request: ReportRequest, score: str) -> str:
    """ "AI ICH: FLAGGED score 0.93", or "AI ICH: NOT ANALYSED"."""
    return f"{words_of(request).labels.assistant} {request.bundle.short}: {_verdict(request)} {score}".rstrip()


def _score(request: ReportRequest, probability: str) -> str:
    """ "score 0.93"; "probability" only for a calibrated bundle; empty where there is none."""
    if request.finding is None:
        return ""
    word = probability if request.bundle.calibrated else words_of(request).score
    return f"{word} {shown(request.finding.score, request.finding.threshold)}"


def _finding(request: ReportRequest) -> str:
    bundle = request.bundle
    return bundle.label if words_of(request).names_finding_by_label else bundle.short


def _remarks(request: ReportRequest) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*request.verdict.remarks, *request.analysis.remarks)))


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped if stripped.endswith((".", "!", "?")) else f"{stripped}."
