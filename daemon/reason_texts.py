"""Every coded reason in words: where it occurs, what it means, what can be done. The one place; docs/reasons.md is
made from it (``hounsfield series reasons --markdown``), and a test sees to it that no reason is without.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hounsfield.storage.states import REASON_WORDS, Reason


class ReasonKind(StrEnum):
    """Where a reason occurs."""

    SKIPPED = "skipped"
    HELD = "held"
    COMPLETENESS = "completeness"
    NOT_ANALYSED = "not-analysed"
    DELIVERY = "delivery"
    JOB = "job"


KIND_TITLES: dict[ReasonKind, str] = {
    ReasonKind.SKIPPED: "Why a series is SKIPPED",
    ReasonKind.HELD: "Why a series is HELD",
    ReasonKind.COMPLETENESS: "Why a series is SUSPECT or INCOMPLETE",
    ReasonKind.NOT_ANALYSED: "Why a result says NOT ANALYSED",
    ReasonKind.DELIVERY: "Why a result waits or is not delivered",
    ReasonKind.JOB: "What else stands in the job log",
}
"""Headings, in the order of the list."""


@dataclass(frozen=True, slots=True)
class ReasonText:
    """What a reason means and what an administrator can do about it; neither names a patient."""

    kinds: tuple[ReasonKind, ...]
    meaning: str
    """One or two sentences that a radiologist understands."""
    advice: str


_SKIPPED, _HELD, _COMPLETENESS, _NOT_ANALYSED, _DELIVERY, _JOB = ((kind,) for kind in ReasonKind)

_LOOK = "Look at it with `hounsfield series show UID`"
_RELEASE = f"{_LOOK}; then `hounsfield series release UID` or `hounsfield series discard UID`."
_SCOPE = "It is the intended use of the model, stated in its manifest; send another series, or ask who made the model."
_SENDER = "Have the study sent again from the scanner or the PACS; the images as they came cannot be used."

REASON_TEXTS: dict[Reason, ReasonText] = {
    Reason.NOT_AN_IMAGE: ReasonText(
        _SKIPPED,
        "The series holds no images that a model could analyse: a dose report, presentation state or the like.",
        "Nothing: such series are kept and left alone.",
    ),
    Reason.OWN_RESULT: ReasonText(
        _SKIPPED,
        "The series is a result of ours that came back.",
        "Nothing; to spare the traffic, leave our results out of the forwarding rule of the PACS.",
    ),
    Reason.MODALITY: ReasonText(
        _SKIPPED, "The images are of another modality than any model takes.", "Send CT only, or install a model for it."
    ),
    Reason.BODY_PART: ReasonText(
        _SKIPPED + _NOT_ANALYSED,
        "The images show another part of the body than the model is for.",
        "`hounsfield rules explain UID` shows which attribute decided; a [[rule]] can choose series more narrowly.",
    ),
    Reason.IMAGE_TYPE: ReasonText(
        _SKIPPED,
        "The series holds no original axial images: localizers, reformats or other derived images only.",
        "Nothing, unless the wrong series is forwarded: the model wants the axial slices.",
    ),
    Reason.MULTI_FRAME: ReasonText(
        _SKIPPED + _NOT_ANALYSED,
        "The images are of a multi-frame kind that the model does not take.",
        "Have the sender convert them into single CT images, or use a model whose manifest lists their SOP class.",
    ),
    Reason.PHANTOM: ReasonText(
        _SKIPPED + _HELD,
        "The series shows a phantom or belongs to quality control, not to a patient.",
        "Nothing; if it is a patient, mend the name or description at the scanner. `assembly.phantom` says whether "
        "such series are skipped or held.",
    ),
    Reason.TOO_FEW_SLICES: ReasonText(
        _SKIPPED + _NOT_ANALYSED,
        "The series has fewer slices than the model needs.",
        "Send the whole series; a single slice or a test image needs no result.",
    ),
    Reason.NO_BUNDLE: ReasonText(
        _SKIPPED,
        "No model is installed that could take the series.",
        "Configure a [[bundle]]; `hounsfield bundle list` shows those there are.",
    ),
    Reason.NO_RULE: ReasonText(
        _SKIPPED,
        "No rule of this installation asks for such a series.",
        "`hounsfield rules explain UID` shows why; mend the [[rule]], then `hounsfield series replay UID` or "
        "`--all-unmatched`. Such series are kept for `assembly.keep_unmatched_days`.",
    ),
    Reason.RULE: ReasonText(
        _SKIPPED + _HELD,
        "A rule of this installation says that such series are not analysed, or that a person has to look first.",
        "`hounsfield rules explain UID` names the rule; a held series waits for `hounsfield series release` or "
        "`discard`.",
    ),
    Reason.ANOTHER_SERIES: ReasonText(
        _SKIPPED,
        "Another series of the same study suits the model better, and that one is analysed.",
        'Nothing; with `per_study = "all"` a rule has every series analysed.',
    ),
    Reason.IMAGES_REMOVED: ReasonText(
        _SKIPPED + _HELD,
        "Images of this series were removed after their time, and some came again: copies of old images start no "
        "analysis by themselves. The series is held where an image has come that was not there before.",
        "To have it analysed send all of its images again, unchanged, then `hounsfield series release UID` or "
        "`hounsfield series replay UID`; else `hounsfield series discard UID`.",
    ),
    Reason.CONFLICT: ReasonText(
        _HELD,
        "An image came twice under one identifier with different content.",
        f"{_LOOK} and find out which sender changes images. `hounsfield series release UID` goes on with what came "
        "first; `hounsfield series discard UID` leaves it.",
    ),
    Reason.TWO_PATIENTS: ReasonText(
        _HELD,
        "Images of two patients came under one series identifier; a result could be taken for the wrong one.",
        "It is never analysed. Find out at the sender what happened, `hounsfield series discard UID`, and have the "
        "series sent again corrected, under a new Series Instance UID.",
    ),
    Reason.TWO_STUDIES: ReasonText(
        _HELD,
        "Images of two studies came under one series identifier.",
        "It is never analysed. `hounsfield series discard UID`, and have the series sent again corrected, under a new "
        "Series Instance UID.",
    ),
    Reason.TOO_MANY_REVISIONS: ReasonText(
        _HELD,
        "The series changed again and again after it was analysed.",
        f"{_RELEASE} `assembly.max_revisions` says how often a series may change.",
    ),
    Reason.AMBIGUOUS_GEOMETRY: ReasonText(
        _HELD + _NOT_ANALYSED,
        "Several slices lie at one position, and nothing tells which belong together.",
        f"{_RELEASE} At the scanner: one series per reconstruction.",
    ),
    Reason.GAP: ReasonText(
        _COMPLETENESS,
        "Between two slices is a gap as wide as one or more slices.",
        "Have the missing slices sent: they make a new result that names this one.",
    ),
    Reason.SPARSE: ReasonText(
        _COMPLETENESS,
        "The slices lie regularly, but further apart than they are thick: every second one may be missing.",
        "Have the whole series sent. If the scanner leaves such gaps on purpose, the model's manifest has to allow it.",
    ),
    Reason.FEWER_THAN_ANNOUNCED: ReasonText(
        _COMPLETENESS,
        "Fewer images came than the images themselves announce (Images in Acquisition).",
        "Have the missing images sent.",
    ),
    Reason.FEWER_THAN_KNOWN: ReasonText(
        _COMPLETENESS,
        "Fewer images came than the archive holds of this series.",
        "Have the series sent again; `[query]` names the archive that was asked.",
    ),
    Reason.REQUIRED_MISSING: ReasonText(
        _COMPLETENESS,
        "Another series of the study that belongs to the analysis did not come in time.",
        "Have it sent; the rule's `requires` and `force_seconds` say what is waited for and how long.",
    ),
    Reason.ASSOCIATION_ABORTED: ReasonText(
        _COMPLETENESS,
        "A connection that brought images broke off.",
        "See at the sender whether everything went out; what comes later makes a new result.",
    ),
    Reason.MAX_AGE: ReasonText(
        _COMPLETENESS,
        "Images were still coming when the longest time for a series was over.",
        "`assembly.max_age_seconds`, or the rule's, is too short for this sender, or the network too slow.",
    ),
    Reason.INCOMPLETE: ReasonText(
        _NOT_ANALYSED + _HELD,
        "Slices of the series are missing.",
        "Have the missing images sent: they make a new result. `assembly.incomplete` says whether such series are "
        "reported or held.",
    ),
    Reason.SCOPE: ReasonText(
        _NOT_ANALYSED,
        "The series is outside the intended use of the model: its contrast, kernel, slice thickness or derivation.",
        _SCOPE,
    ),
    Reason.TOO_LARGE: ReasonText(
        _NOT_ANALYSED, "The series has more slices than the model takes.", "Send a thicker reconstruction."
    ),
    Reason.TILT: ReasonText(
        _NOT_ANALYSED, "The gantry was tilted, and the model needs slices that stand straight.", _SCOPE
    ),
    Reason.NO_RESCALE: ReasonText(
        _NOT_ANALYSED,
        "The images do not say how their values become Hounsfield units.",
        _SENDER,
    ),
    Reason.NOT_HU: ReasonText(_NOT_ANALYSED, "The values of the images are not Hounsfield units.", _SENDER),
    Reason.LOSSY: ReasonText(
        _NOT_ANALYSED,
        "The images were compressed with loss, and the model was not made for that.",
        "Forward the series before the archive compresses it.",
    ),
    Reason.IMPLAUSIBLE_HU: ReasonText(
        _HELD + _NOT_ANALYSED,
        "The values are not those of air, soft tissue and bone: the images may have been changed on their way.",
        f"{_LOOK} and at its images; `hounsfield series release UID` has a not-analysed result made. "
        "`assembly.implausible_hu` says whether such series are held or reported.",
    ),
    Reason.NO_GEOMETRY: ReasonText(
        _NOT_ANALYSED, "Position or orientation of slices is missing or contradicts itself.", _SENDER
    ),
    Reason.COVERAGE: ReasonText(
        _NOT_ANALYSED,
        "The slices cover too little of the body for the model, or their edge cuts it.",
        "Send the series with all its slices, reconstructed with a field of view that holds the whole head.",
    ),
    Reason.IRREGULAR_SPACING: ReasonText(
        _NOT_ANALYSED, "The distances between the slices differ, and the model needs equal ones.", _SCOPE
    ),
    Reason.BURNED_IN: ReasonText(
        _NOT_ANALYSED,
        "Text or graphics are drawn into the images.",
        "Send the original images, not screen captures.",
    ),
    Reason.UNREADABLE_PIXELS: ReasonText(
        _NOT_ANALYSED, "The pixels of an image cannot be decoded: data are missing or damaged.", _SENDER
    ),
    Reason.UNREADABLE: ReasonText(
        _HELD + _COMPLETENESS + _NOT_ANALYSED, "An image cannot be read at all: its data are damaged.", _SENDER
    ),
    Reason.MODEL_FAILED: ReasonText(
        _NOT_ANALYSED,
        "The analysis failed, for a reason that lies in the program or the model, not in the images.",
        "See the service's log and `hounsfield bundle selftest`; then `hounsfield jobs retry ID`.",
    ),
    Reason.MODEL_CRASHED: ReasonText(
        _NOT_ANALYSED,
        "The process that analysed the series died, as often as it was tried.",
        "See the service's log (memory, GPU); then `hounsfield jobs retry ID`.",
    ),
    Reason.MODEL_HUNG: ReasonText(
        _JOB + _NOT_ANALYSED,
        "The analysis did not end in its time; after the last attempt the series is not analysed.",
        "See the service's log (GPU); `worker.job_timeout_seconds`; then `hounsfield jobs retry ID`.",
    ),
    Reason.OUT_OF_MEMORY: ReasonText(
        _JOB + _NOT_ANALYSED,
        "The model needs more memory than there is; each further attempt takes half as many slices at once.",
        "Free memory of the machine or the GPU, or make `worker.batch` or `worker.bundles_loaded` smaller; then "
        "`hounsfield jobs retry ID`.",
    ),
    Reason.BUNDLE_GONE: ReasonText(
        _NOT_ANALYSED,
        "The model that was to analyse the series is no longer installed, or its files were changed.",
        "Install it again and `hounsfield jobs retry ID`, or send the series again for the present model.",
    ),
    Reason.BUNDLE_DRIFTED: ReasonText(
        _NOT_ANALYSED,
        "The model does not answer any more what it answered when it was made, so it is not used.",
        "`hounsfield bundle selftest` shows by how much; look for a change of library versions or of the GPU, or "
        "choose another version with `hounsfield bundle rollback NAME`; then `hounsfield jobs retry ID`.",
    ),
    Reason.SHADOW: ReasonText(
        _DELIVERY,
        "The rule runs its model in shadow: results are kept here and sent nowhere.",
        "Remove `shadow = true` from the rule when results are to be sent.",
    ),
    Reason.UNREACHABLE: ReasonText(
        _DELIVERY,
        "The destination does not answer.",
        "It is tried again by itself; `hounsfield doctor` and `hounsfield echo NAME` test the connection.",
    ),
    Reason.REJECTED: ReasonText(
        _DELIVERY,
        "The destination rejects the connection.",
        "Make our AE title and address known there, and check the AE title in the [[destination]].",
    ),
    Reason.REFUSED_STATUS: ReasonText(
        _DELIVERY,
        "The destination refused the result.",
        "`hounsfield jobs show ID` shows its status; see its log, then `hounsfield jobs retry ID`.",
    ),
    Reason.NOT_ACCEPTED: ReasonText(
        _DELIVERY,
        "The destination does not take this kind of object.",
        "Allow it there, or choose with `results` what the [[destination]] gets; then `hounsfield jobs retry ID`.",
    ),
    Reason.DEADLINE: ReasonText(
        _DELIVERY,
        "The destination did not take the result within `give_up_days`.",
        "When it is back: `hounsfield jobs retry ID`.",
    ),
    Reason.DEMONSTRATION: ReasonText(
        _DELIVERY,
        "The model is not for clinical use, and the destination is not on this machine.",
        "For a trial set `allow_demonstration = true` at the [[destination]].",
    ),
    Reason.RESULT_CHANGED: ReasonText(
        _DELIVERY,
        "The stored result is no longer the one that was made; it is not sent.",
        "Restore the results folder from a backup, and find out who changed it.",
    ),
    Reason.NO_SUCH_RESULT: ReasonText(
        _DELIVERY,
        "The result was made before the destination asked for this kind of object.",
        "Nothing: later results have it.",
    ),
    Reason.PATIENT_CHANGED: ReasonText(
        _DELIVERY,
        "The destination files the study under another Patient ID than the images carry: patients were merged or "
        "corrected meanwhile. The result is held, so that it is not filed with the wrong patient.",
        "Compare the two at the PACS; then `hounsfield series reissue UID` writes the result anew for the patient as "
        "the PACS knows them, or `hounsfield jobs cancel ID` leaves it unsent.",
    ),
    Reason.AWAITING_PROOF: ReasonText(
        _DELIVERY,
        "Everything was sent; whether the destination keeps it is being asked.",
        "Nothing: it is asked again by itself, for `proof_hours` at most.",
    ),
    Reason.PROOF_FAILED: ReasonText(
        _DELIVERY,
        "The destination answered success and does not have the result.",
        "Nothing: it is sent again. If it happens again and again, see the log of the destination.",
    ),
    Reason.NO_PROOF: ReasonText(
        _DELIVERY,
        "The destination took the result and gave no proof within `proof_hours` that it keeps it.",
        "See whether it answers such questions at all; `proof` at the [[destination]] says what it is asked.",
    ),
    Reason.UNKNOWN_SENDER: ReasonText(
        _DELIVERY,
        "The result goes back to who sent the images, and where that is cannot be said.",
        "Set `port` at the [[destination]] of kind sender, and see `hounsfield series show UID` for who sent it.",
    ),
    Reason.REISSUED: ReasonText(
        _DELIVERY,
        "A new instance of the result, for the patient as the PACS knows them, takes its place.",
        "Nothing.",
    ),
    Reason.RETRACTED: ReasonText(
        _NOT_ANALYSED + _DELIVERY,
        "A person took the result back (`hounsfield results retract`): it is not sent any more, and a report that "
        "follows it gives no finding.",
        "Nothing: destinations that have the result get a rejection note; `hounsfield results list` shows who decided.",
    ),
    Reason.NO_ANSWER: ReasonText(
        _DELIVERY,
        "Who is to be notified does not answer.",
        "It is tried again by itself; check host, port, url and secret_file of the [[notify]].",
    ),
    Reason.REFUSED_MESSAGE: ReasonText(
        _DELIVERY,
        "Who is to be notified refuses the message.",
        "`hounsfield jobs show ID` has the code of the answer; mend it there, then `hounsfield jobs retry ID`.",
    ),
    Reason.LEASE_EXPIRED: ReasonText(
        _JOB,
        "The process that worked on the job was not heard of any more; another one took it up.",
        "If it happens again and again, see the service's log.",
    ),
    Reason.OPERATOR: ReasonText(
        _SKIPPED + _JOB,
        "A person decided so; `hounsfield jobs tail` shows who.",
        "`hounsfield series replay UID` has a discarded series looked at anew, and `hounsfield jobs retry ID` starts "
        "a cancelled job again.",
    ),
    Reason.SHUTDOWN: ReasonText(_JOB, "The service was stopped; the job goes on at the next start.", "Nothing."),
    Reason.INTERNAL: ReasonText(
        _HELD + _JOB,
        "The program failed in a way that nobody thought of.",
        f"Report it with the service's log. {_RELEASE}",
    ),
}


def report_line(reason: Reason) -> str:
    """Return how a report begins that gives this reason; empty where none does."""
    words = REASON_WORDS.get(reason)
    return f"NOT ANALYSED - {words}" if words else ""


def by_kind() -> Iterator[tuple[ReasonKind, list[Reason]]]:
    """Yield the kinds in the order of the list, each with its reasons as the codes are declared."""
    for kind in KIND_TITLES:
        yield kind, [reason for reason in Reason if kind in REASON_TEXTS[reason].kinds]


def markdown() -> str:
    """Return docs/reasons.md."""
    parts = [
        "# Coded reasons",
        "",
        "Every reason that `hounsfield series`, `hounsfield jobs` and their `--json` show, what it means, and what can",
        "be done. The same list at the machine: `hounsfield series reasons`. Made from daemon/reason_texts.py by",
        "`hounsfield series reasons --markdown > docs/reasons.md`.",
    ]
    for kind, reasons in by_kind():
        has_report = kind is ReasonKind.NOT_ANALYSED
        columns = ["code", *(["the report begins"] if has_report else []), "means", "what to do"]
        parts += ["", f"## {KIND_TITLES[kind]}", "", _row(columns), _row(["---"] * len(columns))]
        for reason in reasons:
            text = REASON_TEXTS[reason]
            parts.append(
                _row([f"`{reason}`", *([report_line(reason)] if has_report else []), text.meaning, text.advice])
            )
    return "\n".join(parts) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
