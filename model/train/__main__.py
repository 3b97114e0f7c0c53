"""``python -m hounsfield.model.train CONFIG FOLDER``: one training in a process of its own, for `hounsfield tune`.

Prints a line for each epoch; the last line of a training that cannot be done says why.
"""

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from hounsfield.model.errors import ModelError
from hounsfield.model.train.config import read_config
from hounsfield.model.train.loop import Hooks, Progress
from hounsfield.model.train.run import train

_USAGE = "usage: python -m hounsfield.model.train CONFIG FOLDER"


def main(arguments: list[str]) -> int:
    """Train; return the exit status."""
    if len(arguments) != 2:
        sys.stdout.write(f"{_USAGE}\n")
        return 2
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda which, _: asked.append(which))
    try:
        config = read_config(Path(arguments[0]))
        train(config, Path(arguments[1]), Hooks(report=_tell, stop=lambda: bool(asked)), datetime.now(UTC).date())
    except ModelError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def _tell(progress: Progress) -> None:
    if progress.figures is not None:
        figures = f"validation loss {progress.figures.loss:.4f}, AUC {progress.figures.auc:.3f}"
        line = f"{progress.stage} {progress.epoch}/{progress.epochs}: loss {progress.loss:.4f}, {figures}"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
