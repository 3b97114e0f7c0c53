"""Ten thousand mixtures of orders, splits, copies, merges, gaps and late slices, and what the reports say of them.

``python -m torture.series [--minutes M] [--mixtures N] [--first SEED]`` prints counts. The exit status is 1 when a
result spoke of a wrong patient, series or slice, or anything else that :mod:`support.series_cases.promises` promises
was not so; each is printed with the seed that shows it.
"""

import argparse
import multiprocessing
import sys
import time
import warnings
from collections import Counter

from rich.console import Console
from support.memory import memory_folder
from support.series_cases.playing import PER_WARD, Tally, run


def _part(seeds: range) -> Tally:
    warnings.simplefilter("ignore")
    with memory_folder() as folder:
        return run(seeds, folder)


def main() -> int:
    options = _options()
    console = Console(highlight=False)
    until = time.monotonic() + 60 * options.minutes
    begin = time.monotonic()
    last = options.first + options.mixtures
    parts = [range(first, min(first + PER_WARD, last)) for first in range(options.first, last, PER_WARD)]
    whole = Tally()
    with multiprocessing.Pool(options.processes) as pool:
        for tally in pool.imap_unordered(_part, parts):
            whole.mixtures += tally.mixtures
            whole.results += tally.results
            whole.outcomes.update(tally.outcomes)
            whole.ingredients.update(tally.ingredients)
            whole.broken += tally.broken
            if whole.mixtures % 1000 < PER_WARD:
                console.print(f"{whole.mixtures} played, {len(whole.broken)} promises broken")
            for words in tally.broken:
                console.print(words, markup=False)
            if time.monotonic() > until:
                break
        pool.terminate()
    _show(console, "in the mixtures", whole.ingredients)
    _show(console, "what became of them", whole.outcomes)
    seconds = time.monotonic() - begin
    counts = f"{whole.mixtures} mixtures, {whole.results} jobs, {len(whole.broken)} promises broken"
    console.print(f"{counts}, {seconds:.0f} s")
    return 1 if whole.broken or not whole.results else 0


def _show(console: Console, title: str, counts: Counter[str]) -> None:
    console.print(f"{title}:")
    for words, count in counts.most_common():
        console.print(f"  {count:7} {words}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture.series", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--mixtures", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1, help="seed of the first one")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
