"""From a bundle and data sets to scores with the thresholds that belong to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hounsfield.model.bundle import Bundle
from hounsfield.model.data.prepared import Prepared
from hounsfield.model.errors import DataError
from hounsfield.model.evaluate.scores_file import ScoresFile
from hounsfield.model.evaluate.scoring import Tell, score_prepared, shipped_thresholds
from hounsfield.model.evaluate.thresholds import TARGET_SENSITIVITY, choose_thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What to measure on, and how."""

    data: Prepared
    validation: Prepared | None = None
    """Where thresholds are chosen; None: those that the bundle ships."""
    sensitivity: float = TARGET_SENSITIVITY
    """That thresholds are chosen for."""
    named: Mapping[str, str] = field(default_factory=dict)
    """Label of the data set -> label of the bundle, where their names differ."""
    device: str = "auto"


def measure(bundle: Bundle, how: Measurement, tell: Tell | None = None) -> ScoresFile:
    """Score a bundle. Raises DataError if data and bundle do not fit, or the validation set holds cases of the test."""
    if how.validation is not None:
        _require_apart(how.validation, how.data)
    scored = score_prepared(bundle, how.data, device=how.device, named=how.named, tell=tell)
    thresholds = shipped_thresholds(bundle, how.data, how.named)
    if how.validation is not None:
        other = score_prepared(bundle, how.validation, device=how.device, named=how.named, tell=tell)
        if other.labels != scored.labels:
            raise DataError(f"{how.validation.folder}: has other labels than {how.data.folder}")
        thresholds = choose_thresholds(other, how.sensitivity, where=how.validation.folder.name)
    return ScoresFile(
        scored=scored,
        thresholds=thresholds,
        bundle=f"{bundle.label} ({bundle.sha256[:8]})",
        source=source_of(how.data),
    )


def source_of(prepared: Prepared) -> str:
    """Return where the cases come from, in words."""
    words = prepared.about.source or prepared.folder.name
    return words if prepared.about.clean else f"{words} (not clean: what `data check` found was kept)"


def _require_apart(validation: Prepared, test: Prepared) -> None:
    """Raise DataError if a series or a patient is on both sides."""
    for what in ("series_key", "patient"):
        both = set(getattr(validation.index, what).tolist()) & set(getattr(test.index, what).tolist())
        if both:
            raise DataError(
                f"{validation.folder}: {len(both)} {what.split('_')[0]} keys are in {test.folder} too; a threshold "
                "chosen on cases of the test proves nothing"
            )
