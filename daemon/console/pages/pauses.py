"""For how long nothing may come from each scanner, learned as the alarm learns it."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from hounsfield.daemon.alarms.silence import Sendings, SilenceProbe
from hounsfield.daemon.clock import Clock


def usual_pauses(sendings: Sendings, clock: Clock) -> Callable[[], Mapping[str, timedelta]]:
    """Return what learns what is new and tells the pauses by AE title. A long history takes several looks."""
    probe = SilenceProbe(sendings)

    def look() -> Mapping[str, timedelta]:
        now = clock.now()
        probe.conditions(now)
        return probe.usual_pauses(now)

    return look
