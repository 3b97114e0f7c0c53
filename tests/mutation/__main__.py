"""Mutation testing of the pure parts: `make mutation`.

    PYTHONPATH=tests python -m mutation [PART OF A MODULE'S NAME ...] [--jobs N]

Every mutant of a module in :mod:`mutation.targets` meets that module's own tests. One that all of them pass has
survived, and is printed; the exit status is 1 where fewer than 85 % of a module's mutants were killed.

Why our own: mutmut 3 changes only what lies in functions, and cosmic-ray no entries of tables and no members of enums;
here the tables are the decisions.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mutation.mutants import Mutant, mutants
from mutation.targets import ROOT, TARGETS, Target
from mutation.trial import Changed, Ending, Trial, import_what_others_wrote

WANTED = 85.0
"""Per cent of the mutants of each module."""
_PATIENCE = 10.0
"""A trial may take so many times as long as the tests take on the module as it is, and so many seconds more."""
_LOOK_SECONDS = 0.005


@dataclass
class Score:
    """How a module's tests did."""

    target: Target
    seconds: float = 0.0
    endings: Counter[Ending] = field(default_factory=Counter)
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def percent(self) -> float:
        """Share of mutants that were killed."""
        return 100.0 * (1 - len(self.survivors) / max(self.endings.total(), 1))

    def __str__(self) -> str:
        late = self.endings[Ending.LATE]
        return (
            f"{self.target.module:36} {self.endings.total():5} mutants {len(self.survivors):4} survived "
            f"{late:3} late {self.percent:6.1f} % {self.seconds:5.0f} s"
        )


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description="mutation testing of the pure parts")
    parser.add_argument("parts", nargs="*", help="parts of module names; all modules where none is given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at once")
    options = parser.parse_args(arguments)
    targets = [one for one in TARGETS if not options.parts or any(part in one.module for part in options.parts)]
    if not targets:
        parser.error(f"no module is called so; there are {', '.join(one.module for one in TARGETS)}")
    os.chdir(ROOT)
    scores = []
    for target in targets:
        scores.append(score := tested(target, options.jobs))
        print(score, flush=True)
        for survivor in score.survivors:
            print(f"    {target.file.relative_to(ROOT)}:{survivor}", flush=True)
    count, survived = sum(one.endings.total() for one in scores), sum(len(one.survivors) for one in scores)
    print(f"{count} mutants, {survived} survived: {100 * (1 - survived / max(count, 1)):.1f} % killed")
    short = [one.target.module for one in scores if one.percent < WANTED]
    if short:
        print(f"less than {WANTED:g} %: {', '.join(short)}")
    return 1 if short else 0


def tested(target: Target, jobs: int) -> Score:
    """Try all mutants of a module."""
    started = time.monotonic()
    import_what_others_wrote(target.test_paths)
    limit = _PATIENCE + _PATIENCE * _seconds_of(target)
    score, running = Score(target), dict[int, tuple[Trial, Mutant]]()
    coming = mutants(target.file.read_text(), str(target.file))
    while True:
        _start(coming, running, target, jobs, limit)
        if not running:
            break
        for pid, (trial, mutant) in list(running.items()):
            if (ending := trial.ending()) is not None:
                del running[pid]
                score.endings[ending] += 1
                score.survivors += [mutant] if ending is Ending.SURVIVED else []
        time.sleep(_LOOK_SECONDS)
    score.survivors.sort(key=lambda one: one.line)
    score.seconds = time.monotonic() - started
    return score


def _start(
    coming: Iterator[Mutant], running: dict[int, tuple[Trial, Mutant]], target: Target, jobs: int, limit: float
) -> None:
    while len(running) < jobs and (mutant := next(coming, None)) is not None:
        trial = Trial(target.test_paths, Changed(target.name, target.file, mutant.code), limit)
        running[trial.pid] = trial, mutant


def _seconds_of(target: Target) -> float:
    """How long the tests take on the module as it is. Raises RuntimeError where they do not pass."""
    trial = Trial(target.test_paths, None, 300.0)
    while (ending := trial.ending()) is None:
        time.sleep(_LOOK_SECONDS)
    if ending is not Ending.SURVIVED:
        raise RuntimeError(f"the tests of {target.module} do not pass on the module as it is")
    return trial.seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
