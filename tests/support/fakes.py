"""Shipped fakes: a clock that moves when told."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Wall and monotonic clock that stand still until ``advance``."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def step(self, seconds: float) -> None:
        """Set the wall clock, as an administrator or a time server does."""
        self._now += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
