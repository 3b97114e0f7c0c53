"""How often each label is 1, 0 or unknown among slices, series and patients; and the summary of a check."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from hounsfield.model.data.check import Checked
from hounsfield.model.data.problems import MEANING, consequence
from hounsfield.model.data.rows import Row
from hounsfield.model.data.tables import Truth, highest

SHOWN = 3
"""Files named for each kind of problem in a summary."""


@dataclass(frozen=True, slots=True)
class Share:
    """How often a label is what."""

    positive: int
    negative: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Balance:
    """One label among what stays."""

    label: str
    slices: Share
    series: Share
    patients: Share


def balance(labels: Sequence[str], rows: Sequence[Row]) -> list[Balance]:
    """Count each label. A patient has what one of the series has."""
    series = {row.series: row for row in rows}
    patients: dict[str, list[Truth]] = {}
    for row in series.values():
        patients.setdefault(row.patient, []).append(row.series_truth)
    return [
        Balance(
            label=label,
            slices=_share(row.truth[k] for row in rows),
            series=_share(row.series_truth[k] for row in series.values()),
            patients=_share(highest([truth[k] for truth in own]) for own in patients.values()),
        )
        for k, label in enumerate(labels)
    ]


def _share(values: Iterable[float]) -> Share:
    listed = list(values)
    positive, negative = listed.count(1.0), listed.count(0.0)
    return Share(positive, negative, len(listed) - positive - negative)


def summary(checked: Checked) -> dict[str, object]:
    """Return what a check has found, for ``--json`` and the report."""
    kept = checked.kept
    return {
        "clean": checked.clean,
        "images": len(checked.rows),
        "kept": len(kept),
        "series": len({row.series for row in kept}),
        "patients": len({row.patient for row in kept}),
        "scanners": len({row.scanner for row in kept} - {""}),
        "problems": [
            {
                "kind": kind.value,
                "count": count,
                "consequence": "accepted" if kind in checked.accepted else consequence(kind).value,
                "means": MEANING[kind],
                "first": [
                    {"file": problem.file, "words": problem.words}
                    for problem in [one for one in checked.problems if one.kind is kind][:SHOWN]
                ],
            }
            for kind, count in checked.counts().items()
        ],
        "balance": [asdict(one) for one in balance(checked.labels, kept)],
    }
