"""What `make bench` runs, in this order, each in a process of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Arguments = list[str]


@dataclass(frozen=True, slots=True)
class Setup:
    """What the parts of one run share."""

    folder: Path
    """Where things stay for other parts, and for the next run where it is kept."""
    router: Path | None
    """Program of dicom-ai-router, if there is one."""

    def drawn(self) -> Arguments:
        """Say where generated heads stay."""
        return ["--drawn", str(self.folder / "drawn")]

    def with_router(self) -> Arguments:
        """Say where the router is, and the heads."""
        return [*self.drawn(), *(["--router", str(self.router)] if self.router else [])]

    def databases(self) -> Arguments:
        """Say where filled databases stay."""
        return ["--keep", str(self.folder / "console")]


def _nothing(_: Setup) -> Arguments:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One benchmark."""

    name: str
    title: str
    program: str
    """Below benchmarks/."""
    minutes: float
    """About so long on two quiet cores."""
    quick: Sequence[str]
    """Options that show that it works: figures of such a run mean little."""
    setup: Callable[[Setup], Arguments] = _nothing

    def options(self, *, quick: bool) -> Arguments:
        """Return the options that decide what is measured."""
        return list(self.quick) if quick else []

    def command(self, *, quick: bool) -> str:
        """Return the command as a person would give it, without what only the run needs."""
        return " ".join(["python", f"benchmarks/{self.program}", *self.options(quick=quick)])


PARTS: Sequence[Part] = (
    Part(name="start", title="Start", program="start.py", minutes=0.5, quick=("--runs", "1")),
    Part(
        name="reception",
        title="Reception",
        program="reception/run.py",
        minutes=6,
        quick=("--rounds", "1", "--images", "100", "--seconds", "1", "--associations", "1", "8", "--idle-seconds", "2"),
    ),
    Part(
        name="rows",
        title="Rows",
        program="registration.py",
        minutes=0.5,
        quick=("--rows", "300", "--before", "1000"),
    ),
    Part(
        name="pixels",
        title="Pixels",
        program="pixels/run.py",
        minutes=3,
        quick=("--rounds", "2", "--slices", "48"),
    ),
    Part(
        name="inference",
        title="Inference",
        program="inference/run.py",
        minutes=2.5,
        quick=("--rounds", "3", "--batches", "1", "16", "--series", "40"),
    ),
    Part(
        name="heatmaps",
        title="Heatmaps",
        program="heatmaps.py",
        minutes=1,
        quick=("--runs", "1", "--heads", "1"),
    ),
    Part(
        name="results",
        title="Results",
        program="results/run.py",
        minutes=4,
        quick=("--rounds", "1", "--slices", "40", "--matrix", "256"),
        setup=Setup.with_router,
    ),
    Part(
        name="end-to-end",
        title="End to end",
        program="end_to_end/run.py",
        minutes=8,
        quick=("--rounds", "1", "--slices", "40", "--matrix", "256"),
        setup=Setup.with_router,
    ),
    Part(
        name="console",
        title="Console and lists",
        program="console/run.py",
        minutes=6,
        quick=("--rounds", "2", "--jobs", "1000", "10000"),
        setup=Setup.databases,
    ),
)
