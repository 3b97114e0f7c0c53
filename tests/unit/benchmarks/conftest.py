"""Programs of benchmarks/ are no package: their folders are named here, as Python does for the program it runs."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks" / "cluster"))
