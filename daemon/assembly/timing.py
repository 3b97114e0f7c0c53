"""How long a series is waited for: what its rule says, else what [assembly] says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.states import AssociationEnding


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds."""

    quiet: float
    released: float
    """Instead of ``quiet`` when every association that brought images has ended in a release."""
    wait: float
    """For better series of the same study."""
    incomplete_wait: float
    max_age: float
    force: float
    """For other series that the rule requires, since the first image."""

    @classmethod
    def of(cls, rule: Rule, assembly: AssemblySettings) -> "Timing":
        """Return what counts for series of a rule."""
        quiet = _first(rule.quiet_seconds, assembly.quiet_seconds)
        return cls(
            quiet=quiet,
            released=min(_first(rule.released_seconds, assembly.released_seconds), quiet),
            wait=_first(rule.wait_seconds, assembly.wait_seconds),
            incomplete_wait=_first(rule.incomplete_wait_seconds, assembly.incomplete_wait_seconds),
            max_age=_first(rule.max_age_seconds, assembly.max_age_seconds),
            force=_first(rule.force_seconds, assembly.max_age_seconds),
        )

    def until_quiet(self, standing: Quiet, associations: Sequence[AssociationRecord]) -> float:
        """Return for how much longer nothing may come before the series counts as quiet; 0 if it is.

        An association that is still open, was cut off or lost may have had more to bring.
        """
        released = bool(associations) and all(one.ending is AssociationEnding.RELEASED for one in associations)
        return max((self.released if released else self.quiet) - standing.quiet, 0.0)

    def is_too_old(self, standing: Quiet) -> bool:
        """Whether it is decided on although images still come."""
        return standing.age >= self.max_age


def _first(own: float | None, usual: float) -> float:
    return usual if own is None else own
