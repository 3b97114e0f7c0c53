"""The sentences about one result, in the language of its profile. Plain ASCII, without patient data.

No sentence says absent, negative, normal or clear: a result that is not flagged excludes nothing.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence

from hounsfield.daemon.config.descriptions import fill_in
from hounsfield.daemon.results.languages import WORDS, Words
from hounsfield.daemon.results.request import BundleFacts, LabelFacts, ReportRequest
from hounsfield.model.findings import Finding
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
    """Return the result in a few sentences (121111): every finding that decides, the flagged ones first."""
    words = words_of(request)
    said = _not_analysed(request) if request.leading is None else (*_verdicts(request), _kinds(request))
    parts = (*said, _sentence(words.labels.not_for_diagnosis), banner_sentence(request.bundle, words))
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
    verdict = _verdict(words, request.outcome)
    values = {
        "finding": together([label.short for label in request.leads], LONGEST_LO),
        "verdict": verdict,
        "score": _leading_score(request),
        "reason": request.words,
        "bundle": f"{bundle.name} {bundle.version}",
    }
    text = plain(fill_in(pattern, values), LONGEST_LO)
    return text if verdict in text else ""


def _described(request: ReportRequest) -> str:
    words = words_of(request)
    tails = {
        Outcome.POSITIVE: (words.not_for_diagnosis,),
        Outcome.NEGATIVE: (
            words.excludes_nothing.format(finding=_named(request.leads, words)),
            words.not_for_diagnosis,
        ),
        Outcome.NOT_ANALYSED: (request.words,),
    }[request.outcome]
    texts = [_whole(request, tail) for tail in tails]
    return plain(next((text for text in texts if len(text) <= LONGEST_LO), texts[-1]), LONGEST_LO)


def _whole(request: ReportRequest, tail: str) -> str:
    """ "AI ICH: FLAGGED score 0.93 - not for diagnosis"; as many findings are named as there is room for."""
    words = words_of(request)
    rest = plain(f"{_verdict(words, request.outcome)} {_leading_score(request)}".rstrip() + f" - {tail}")
    room = LONGEST_LO - len(f"{words.labels.assistant} : {rest}")
    return plain(f"{words.labels.assistant} {together([label.short for label in request.leads], room)}: {rest}")


def together(names: Sequence[str], longest: int) -> str:
    """Return "ICH+FX", or "ICH+1" where that has more than ``longest`` characters."""
    joined = "+".join(names)
    return joined if len(joined) <= longest or len(names) < 2 else f"{names[0]}+{len(names) - 1}"


def _not_analysed(request: ReportRequest) -> tuple[str, ...]:
    words, labels = words_of(request), request.bundle.labels
    verdict = _verdict(words, request.outcome)
    head = f"{words.labels.assistant} {labels[0].short}: {verdict} - {request.words}."
    asked = [label for label in labels if label.decides]
    return head, words.not_analysed_sentence.format(finding=_named(asked, words))


def _verdicts(request: ReportRequest) -> list[str]:
    deciding = [(label, finding) for label, finding in request.labelled if finding.decides]
    return [_verdict_on(request, *one) for one in sorted(deciding, key=lambda one: not one[1].flagged)]


def _verdict_on(request: ReportRequest, label: LabelFacts, finding: Finding) -> str:
    """ "AI ICH: FLAGGED score 0.93 (threshold 0.5)."; below the threshold also that this excludes nothing."""
    words = words_of(request)
    verdict = _verdict(words, Outcome.POSITIVE if finding.flagged else Outcome.NEGATIVE)
    score = _score(request, finding, words.probability)
    threshold = words.threshold.format(value=f"{finding.threshold:g}")
    head = f"{words.labels.assistant} {label.short}: {verdict} {score} ({threshold})."
    if finding.flagged:
        return head
    return f"{head} {words.excludes_nothing_sentence.format(finding=_named([label], words))}"


def _kinds(request: ReportRequest) -> str:
    """What the findings that decide nothing say of a flagged series, as far as they reach their thresholds."""
    if request.outcome is not Outcome.POSITIVE:
        return ""
    words = words_of(request)
    kinds = [
        f"{_named([label], words)} {shown(finding.score, finding.threshold)} (>= {finding.threshold:g})"
        for label, finding in request.labelled
        if finding.flagged and not finding.decides
    ]
    return words.kinds.format(kinds=", ".join(kinds)) if kinds else ""


def _verdict(words: Words, outcome: Outcome) -> str:
    labels = words.labels
    return {Outcome.POSITIVE: labels.flagged, Outcome.NEGATIVE: labels.not_flagged}.get(outcome, labels.not_analysed)


def _leading_score(request: ReportRequest) -> str:
    """The score in few letters; empty where there is none."""
    finding = request.leading
    return "" if finding is None else _score(request, finding, words_of(request).short_probability)


def _score(request: ReportRequest, finding: Finding, probability: str) -> str:
    """ "score 0.93"; "probability" only for a calibrated bundle."""
    word = probability if request.bundle.calibrated else words_of(request).score
    return f"{word} {shown(finding.score, finding.threshold)}"


def _named(labels: Iterable[LabelFacts], words: Words) -> str:
    return ", ".join(label.name if words.names_finding_by_label else label.short for label in labels)


def _remarks(request: ReportRequest) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*request.verdict.remarks, *request.analysis.remarks)))


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped if stripped.endswith((".", "!", "?")) else f"{stripped}."
