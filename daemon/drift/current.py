"""How each bundle on each scanner compares with itself now: reads no more of the database than the windows need."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.drift.comparison import LEAST_WINDOW, Drift, Level, compare
from hounsfield.storage.analysis_facts import AnalysisFactStore, Baseline, FactRecord, Pair
from hounsfield.storage.engine import Database

ROUND_SECONDS = 900.0
"""How often alarms and metrics look at every pair, one at a time."""
MOST = 5000
"""Analyses of a window that begins at a date, and of a baseline that a person set."""


def current_drift(database: Database, settings: Settings, now: datetime) -> list[Drift]:
    """Return every bundle on every scanner that was analysed lately, by bundle, version and scanner.

    For the console and the metrics as well. Raises DatabaseUnavailable.
    """
    reader = DriftReader(database.facts, settings.drift)
    return [reader.drift(pair) for pair in reader.pairs(now)]


class DriftReader:
    """Reads what is compared. It keeps the baselines that persons have set as they are when it is made."""

    def __init__(self, facts: AnalysisFactStore, settings: DriftSettings) -> None:
        self._facts = facts
        self.settings = settings
        self._baselines = facts.baselines()

    @property
    def recent(self) -> timedelta:
        """For how long a pair without analyses is still judged."""
        return timedelta(days=self.settings.recent_days)

    def pairs(self, now: datetime) -> list[Pair]:
        """Return what was analysed in the last ``drift.recent_days``; the rest is history."""
        return [pair for pair in self._facts.pairs() if pair.last_at >= now - self.recent]

    def drift(self, pair: Pair, since: datetime | None = None) -> Drift:
        """Compare the last analyses, or those ``since`` then, with the baseline."""
        chosen = self._chosen(pair)
        if chosen is None and pair.analyses < self.settings.baseline_series + min(
            LEAST_WINDOW, self.settings.window_series
        ):
            return Drift(pair=pair, level=Level.LEARNING)
        baseline = self._baseline(pair, chosen)
        window = self._facts.last(pair, self.settings.window_series if since is None else MOST, since)
        known = {fact.job_id for fact in baseline}
        window = [fact for fact in window if fact.job_id not in known]
        return compare(pair, baseline, window, self.settings, chosen=chosen is not None)

    def blocks(self, pair: Pair, most: int) -> tuple[list[FactRecord], list[Sequence[FactRecord]]]:
        """Return the baseline, and the last windows of ``drift.window_series`` behind it, the oldest first."""
        baseline = self._baseline(pair, self._chosen(pair))
        known = {fact.job_id for fact in baseline}
        size = self.settings.window_series
        facts = [fact for fact in self._facts.last(pair, most * size) if fact.job_id not in known]
        return baseline, _from_the_end(facts, size)

    def _chosen(self, pair: Pair) -> Baseline | None:
        """The baseline that a person set; one that was taken back is none."""
        found = self._baselines.get((pair.bundle_sha256, pair.scanner))
        return None if found is None or found.begins_at is None else found

    def _baseline(self, pair: Pair, chosen: Baseline | None) -> list[FactRecord]:
        if chosen is None or chosen.begins_at is None or chosen.ends_at is None:
            return self._facts.first(pair, self.settings.baseline_series)
        return self._facts.between(pair, chosen.begins_at, chosen.ends_at, MOST)


def _from_the_end(facts: Sequence[FactRecord], size: int) -> list[Sequence[FactRecord]]:
    """Return blocks of ``size``, the oldest first; what is left over at the beginning is no block."""
    whole = len(facts) // size
    start = len(facts) - whole * size
    return [facts[start + number * size : start + (number + 1) * size] for number in range(whole)]
