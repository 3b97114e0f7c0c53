"""How an explanation looks: lines for people, one JSON object for programs."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from hounsfield.daemon.assembly.explain import Explanation
from hounsfield.daemon.cli.output import json_line
from hounsfield.daemon.cli.patients import Revealed, patient_json
from hounsfield.storage.records import SeriesRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a received series stands in the database."""

    series: SeriesRecord
    study: tuple[SeriesRecord, ...]
    """The other series of its study."""
    moment: str
    """When the explanation's decision would be taken, as "if it were replayed now"; empty where there is none."""
    hash_of: Callable[[str], str]
    """Keyed hash that stands for a UID where people look."""
    revealed: Revealed | None = None
    """Patient, and full UIDs with them; None where nobody asked for them."""

    @property
    def name(self) -> str:
        """What the series is called: its hash."""
        return self.hash_of(self.series.series_uid)

    @property
    def lines(self) -> list[str]:
        """What stands there."""
        record = self.series
        completeness = "" if record.completeness is None else f", {record.completeness.value}"
        decided = "" if record.rule is None else f", by rule {record.rule}"
        waived = "".join(f", {one.value} released" for one in record.waived)
        first = f"  stands at {_state(record)}, revision {record.revision}{completeness}{decided}{waived}"
        return [*self._who, first, *(f"    {remark}" for remark in record.remarks)]

    @property
    def _who(self) -> list[str]:
        if self.revealed is None:
            return []
        return [f"  patient {self.revealed.words}", f"  Series UID {self.series.series_uid}"]

    @property
    def study_lines(self) -> list[str]:
        """How the others stand."""
        if not self.study:
            return ["  there is no other series of its study"]
        others = [
            f"    {self._named(one)}: {_state(one)}, {one.instances} images"
            + (f", by rule {one.rule}" if one.rule else "")
            for one in self.study
        ]
        return ["  other series of its study:", *others]

    def _named(self, other: SeriesRecord) -> str:
        shown = self.hash_of(other.series_uid)
        return shown if self.revealed is None else f"{shown} ({other.series_uid})"

    def as_json(self) -> dict[str, object]:
        """The same as JSON."""
        record = self.series
        return {
            "state": record.state.value,
            "reason": None if record.reason is None else record.reason.value,
            "decided_by": record.rule,
            "revision": record.revision,
            "completeness": None if record.completeness is None else record.completeness.value,
            "remarks": list(record.remarks),
            "waived": [one.value for one in record.waived],
            "moment": self.moment or None,
            "study": [_other_json(one) for one in self.study],
            **patient_json(self.revealed),
        }


def show_explanation(explanation: Explanation, standing: Standing | None, *, as_json: bool) -> None:
    """Print an explanation; ``standing`` is None for files that nobody sent: whoever has those may read their UIDs."""
    if as_json:
        json_line(explanation.as_json() | (standing.as_json() if standing else {}))
        return
    title = explanation.title(standing.name if standing else explanation.images.series.series_uid)
    lines = [title, *(standing.lines if standing else []), *explanation.trace_lines]
    if standing and explanation.decision is not None:
        lines.append(f"  {standing.moment}:")
        lines += [f"  {line}" for line in explanation.decision_lines]
    else:
        lines += explanation.decision_lines
    for line in [*lines, *(standing.study_lines if standing else [])]:
        typer.echo(line)


def _state(record: SeriesRecord) -> str:
    return record.state.value if record.reason is None else f"{record.state.value} ({record.reason.value})"


def _other_json(record: SeriesRecord) -> dict[str, object]:
    return {
        "series_uid": record.series_uid,
        "state": record.state.value,
        "reason": None if record.reason is None else record.reason.value,
        "decided_by": record.rule,
        "images": record.instances,
    }
