"""Which bundles want a series, and why a series that none wants is skipped. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.model.bundle import Bundle
from hounsfield.model.fitness import scope_mismatch
from hounsfield.model.headers import SliceHeader
from hounsfield.storage.records import InferRequest
from hounsfield.storage.states import Reason


@dataclass(frozen=True, slots=True)
class Selection:
    """The INFER jobs to be made, or the reason there are none."""

    requests: tuple[InferRequest, ...]
    skipped: Reason | None


def select(headers: Sequence[SliceHeader], bundles: Sequence[Bundle], *, cut_off: bool) -> Selection:
    """Ask every bundle's scope. With several bundles the first one's reason stands for a skipped series.

    A series that is too short because its transfer was ``cut_off`` is wanted: it is reported as not analysed, since
    skipping it would be silence about a head that was scanned.
    """
    requests: list[InferRequest] = []
    reasons: list[Reason] = []
    for bundle in bundles:
        mismatch = scope_mismatch(headers, bundle.manifest.scope)
        if mismatch is None or (cut_off and mismatch == Reason.TOO_FEW_SLICES):
            requests.append(
                InferRequest(
                    bundle=bundle.manifest.name,
                    bundle_version=bundle.manifest.version,
                    bundle_sha256=bundle.sha256,
                )
            )
        else:
            reasons.append(Reason(mismatch))
    if requests:
        return Selection(tuple(requests), None)
    return Selection((), reasons[0] if reasons else Reason.NO_BUNDLE)
