"""Why a series goes where it goes, line by line: for ``rules explain`` and ``rules test``. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.daemon.assembly.decision import Close, Decision, Hold, Skip, Unchanged, Wait
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.rules import Match, RuleBook
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.daemon.rule_language.quoting import shown
from hounsfield.model.bundle import Bundle
from hounsfield.model.fitness import assess
from hounsfield.model.geometry import measure
from hounsfield.storage.records import InferRequest
from hounsfield.storage.states import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One INFER job that would be made."""

    request: InferRequest
    part: str
    """What tells its reconstruction apart, in words; empty where the series is one."""
    slices: int
    refused: Reason | None
    """Why the gate would end it as not analysed, as far as headers tell; pixels may still speak against it."""
    words: str
    """The same as a sentence."""

    @property
    def line(self) -> str:
        """As text."""
        request = self.request
        what = f"{self.slices} images" + (f" with {self.part}" if self.part else "")
        priority = "stat, " if request.priority else ""
        to = "to all destinations" if request.destinations is None else f"to {', '.join(request.destinations)}"
        sent = "sent nowhere (shadow)" if request.shadow else to
        text = f"{request.bundle} {request.bundle_version} analyses {what}; {priority}result {sent}"
        return text if self.refused is None else f"{text}; NOT ANALYSED ({self.refused.value}): {self.words}"

    def as_json(self) -> dict[str, object]:
        """As JSON."""
        request = self.request
        return {
            "bundle": request.bundle,
            "bundle_version": request.bundle_version,
            "part": self.part,
            "slices": self.slices,
            "priority": request.priority,
            "shadow": request.shadow,
            "destinations": None if request.destinations is None else list(request.destinations),
            "not_analysed": None if self.refused is None else self.refused.value,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the rules make of a series, and what would become of it."""

    images: SeriesImages
    match: Match | None
    """None where there is no image the rules could be asked about."""
    decision: Decision | None
    """None where it was not asked for."""
    analyses: tuple[Analysis, ...]

    def title(self, series: str) -> str:
        """Return the series in a line, called ``series``. No patient data but what its description says."""
        images = self.images
        facts = images.facts.predicates
        if self.match is None:
            return f"series {series}: {len(images.instances)} objects, none of them a readable image"
        return (
            f"series {series}: {len(images.headers)} images, {shown(facts['modality'])}, "
            f"{shown(facts['series_description'])}"
        )

    @property
    def trace_lines(self) -> list[str]:
        """Each rule that was asked, and each of its conditions."""
        if self.match is None:
            return ["  the rules are not asked"]
        lines: list[str] = []
        for one in self.match.trace:
            lines.append(f"  rule {one.rule}: {'met' if one.met else 'not met'}")
            lines += [f"    {line}" for line in one.lines]
        if self.match.rule is None:
            lines.append("  no rule is met")
        return lines

    @property
    def decision_lines(self) -> list[str]:
        """What would become of it."""
        decision = self.decision
        match decision:
            case None:
                return []
            case Wait():
                return [f"  it waits for {decision.why}"]
            case Unchanged():
                return ["  CLOSED as before: only copies came that say the same"]
            case Skip() | Hold():
                state = "SKIPPED" if isinstance(decision, Skip) else "HELD"
                meaning = REASON_TEXTS[decision.reason].meaning
                return [f"  {state} ({decision.reason.value}): {meaning}", *(f"    {one}" for one in decision.remarks)]
            case Close():
                verdict = decision.verdict
                reasons = "".join(f", {one.value}" for one in verdict.reasons)
                remarks = [f"    {one}" for one in verdict.remarks]
                return [
                    f"  CLOSED, {verdict.completeness.value}{reasons}",
                    *remarks,
                    *(f"  {one.line}" for one in self.analyses),
                ]

    def as_json(self) -> dict[str, object]:
        """As JSON, with the same content."""
        record = self.images.series
        return {
            "series_uid": record.series_uid,
            "study_uid": record.study_uid,
            "images": len(self.images.headers),
            "rule": None if self.match is None or self.match.rule is None else self.match.rule.name,
            "trace": [] if self.match is None else _trace_json(self.match),
            "becomes": _decision_json(self.decision),
            "analyses": [one.as_json() for one in self.analyses],
        }


def explain(
    images: SeriesImages, book: RuleBook, bundles: Sequence[Bundle] = (), decision: Decision | None = None
) -> Explanation:
    """Explain a series: its rules, and ``decision`` where one was taken on it.

    ``bundles`` are those that the decision may name.
    """
    asked = book.without_holds() if Reason.RULE in images.series.waived else book
    return Explanation(
        images=images,
        match=asked.match(images.facts) if images.headers else None,
        decision=decision,
        analyses=_analyses(images, bundles, decision) if isinstance(decision, Close) else (),
    )


def _analyses(images: SeriesImages, bundles: Sequence[Bundle], decision: Close) -> tuple[Analysis, ...]:
    by_sha256 = {bundle.sha256: bundle for bundle in bundles}
    parts = {part.key: part for part in images.split.parts}
    taken = frozenset(decision.snapshot)
    found: list[Analysis] = []
    for request in decision.requests:
        part, bundle = parts.get(request.part), by_sha256.get(request.bundle_sha256)
        if part is None or bundle is None:
            continue
        headers = images.part_headers([i for i in part.indices if images.owners[i] in taken])
        fitness = assess(headers, measure(headers), bundle.manifest.scope, wanted_by_rule=request.rule is not None)
        found.append(
            Analysis(
                request=request,
                part=part.words,
                slices=len(headers),
                refused=None if fitness.rejection is None else Reason(fitness.rejection),
                words=fitness.words,
            )
        )
    return tuple(found)


def _trace_json(match: Match) -> list[dict[str, object]]:
    return [
        {
            "rule": one.rule,
            "met": one.met,
            "lines": [{"found": line.found, "condition": line.condition, "met": line.met} for line in one.lines],
        }
        for one in match.trace
    ]


def _decision_json(decision: Decision | None) -> dict[str, object] | None:
    match decision:
        case None:
            return None
        case Wait():
            return {"state": "RECEIVING", "reason": None, "waits_for": decision.why}
        case Unchanged():
            return {"state": "CLOSED", "reason": None, "unchanged": True}
        case Skip() | Hold():
            state = "SKIPPED" if isinstance(decision, Skip) else "HELD"
            return {"state": state, "reason": decision.reason.value, "remarks": list(decision.remarks)}
        case Close():
            verdict = decision.verdict
            return {
                "state": "CLOSED",
                "reason": None,
                "completeness": verdict.completeness.value,
                "reasons": [one.value for one in verdict.reasons],
                "remarks": list(verdict.remarks),
            }
