"""What is measured of a trained demonstration model: of one seed, and the means over several.

A set of one seed is a mapping from the name of a figure to a count, a number, a name or [value, low, high].
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.model.errors import TrainingError

Set = Mapping[str, Any]
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Student's t for a two-sided interval of 95 %, by the number of values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of each set that a model was measured on, by the set's name."""

    sets: Mapping[str, Set]
    seeds: tuple[int, ...]
    """Over which the figures are means; one seed: the intervals come from drawing heads."""
    ships: int
    """The seed whose weights are in the bundle."""
    seconds: Mapping[str, float]
    """What took how long, of the seed that ships."""

    def of_the_manifest(self) -> dict[str, Any]:
        """Return ``provenance.metrics``."""
        return {
            "seeds": list(self.seeds),
            "ships_seed": self.ships,
            **{name: dict(one) for name, one in self.sets.items()},
        }

    def write(self, path: Path) -> None:
        """Write them as JSON."""
        content = {"sets": self.sets, "seeds": self.seeds, "ships": self.ships, "seconds": self.seconds}
        path.write_text(json.dumps(content, indent=1, default=dict) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Figures":
        """Read what :meth:`write` wrote; raises TrainingError."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                sets=content["sets"], seeds=tuple(content["seeds"]), ships=content["ships"], seconds=content["seconds"]
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path}: holds no figures of a training ({type(error).__name__})") from error


def combined(several: Sequence[Figures], ships: int) -> Figures:
    """Return means over seeds with 95 % intervals by Student's t; each seed has its own heads for training and test.

    Counts add up. Raises TrainingError for fewer than two seeds, for one that is there twice, for sets that not all
    have, and if ``ships`` is none of them.
    """
    seeds = tuple(seed for one in several for seed in one.seeds)
    if len(seeds) < 2 or len(set(seeds)) < len(seeds) or ships not in seeds:
        raise TrainingError(f"needs figures of two or more different seeds, with seed {ships} among them, not {seeds}")
    if any(set(one.sets) != set(several[0].sets) for one in several):
        raise TrainingError("the seeds were not measured on the same sets")
    own = next(one for one in several if ships in one.seeds)
    sets = {name: _means([one.sets[name] for one in several]) for name in several[0].sets}
    return Figures(sets=sets, seeds=tuple(sorted(seeds)), ships=ships, seconds=own.seconds)


def _means(several: Sequence[Set]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, first in several[0].items():
        values = [one[name] for one in several if name in one]
        if isinstance(first, int):
            out[name] = sum(values)
        elif isinstance(first, float):
            out[name] = _mean(values, _least(name))
        elif isinstance(first, list):
            out[name] = _mean([value[0] for value in values], _least(name))
        else:
            out[name] = ", ".join(sorted(set(values)))
    return out


def _least(name: str) -> float:
    """A gain may be a loss; areas, rates and errors are never below nothing."""
    return -1.0 if "gain" in name else 0.0


def _mean(values: Sequence[float], least: float) -> list[float]:
    if len(values) < 2:
        return [values[0], least, 1.0]
    half = T_95.get(len(values), 2.0) * float(np.std(values, ddof=1)) / float(np.sqrt(len(values)))
    mean = float(np.mean(values))
    return [round(mean, 4), round(max(mean - half, least), 4), round(min(mean + half, 1.0), 4)]
