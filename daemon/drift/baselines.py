"""Baselines that a person sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.drift.comparison import LEAST_WINDOW
from hounsfield.daemon.drift.current import MOST
from hounsfield.storage.analysis_facts import AnalysisFactStore, Baseline, Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What became of the pairs that were asked for, each with how many analyses its baseline would have."""

    kept: tuple[tuple[Pair, int], ...]
    too_few: tuple[tuple[Pair, int], ...]
    """With fewer than :data:`~hounsfield.daemon.drift.comparison.LEAST_WINDOW`: their baselines stay as they were."""


def choose_baselines(
    facts: AnalysisFactStore, pairs: Sequence[Pair], span: tuple[datetime, datetime] | None, now: datetime, person: str
) -> Choice:
    """Compare ``pairs`` with a time from now on, or with their first analyses again where ``span`` is None."""
    counted = [(pair, _analyses(facts, pair, span)) for pair in pairs]
    kept = tuple(one for one in counted if span is None or one[1] >= LEAST_WINDOW)
    begins_at, ends_at = span or (None, None)
    facts.set_baselines(
        [
            Baseline(
                bundle_sha256=pair.bundle_sha256,
                scanner=pair.scanner,
                begins_at=begins_at,
                ends_at=ends_at,
                set_at=now,
                person=person,
            )
            for pair, _ in kept
        ]
    )
    return Choice(kept=kept, too_few=tuple(one for one in counted if one not in kept))


def _analyses(facts: AnalysisFactStore, pair: Pair, span: tuple[datetime, datetime] | None) -> int:
    return pair.analyses if span is None else len(facts.between(pair, *span, MOST))
