"""Programs of benchmarks/ are no package: their folders are named here, as Python does for the program it runs."""

import sys
from pathlib import Path

_BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
sys.path += [str(_BENCHMARKS), str(_BENCHMARKS / "cluster"), str(_BENCHMARKS / "end_to_end")]
