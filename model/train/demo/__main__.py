"""Trains the demonstration bundle on generated phantoms and evaluates it on phantoms never seen.

``python -m hounsfield.model.train.demo --out FOLDER --seed 1``; ``--smoke`` is a variant of half a minute for
continuous integration, whose model is good for nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from hounsfield.model.train.demo.build import build, prepared_recipe, verdict
from hounsfield.model.train.demo.recipe import Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 1 if the figures are not what the product asks for."""
    parser = argparse.ArgumentParser(prog="python -m hounsfield.model.train.demo", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder of the bundle (written over); with --smoke a temporary one")
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--smoke", action="store_true", help="half a minute, for continuous integration")
    parser.add_argument("--created", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD")
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow, and processes that draw phantoms")
    chosen = parser.parse_args(arguments)
    if chosen.out is None and not chosen.smoke:
        parser.error("--out is needed, except with --smoke")
    recipe = prepared_recipe(chosen.seed, chosen.threads, smoke_only=chosen.smoke)
    with tempfile.TemporaryDirectory(prefix="hounsfield-training-") as temporary:
        work = Path(temporary)
        outcome = build(chosen.out or work / "ich-demo", recipe, chosen.created, work)
        return verdict(outcome, chosen.smoke)


if __name__ == "__main__":
    sys.exit(main())
