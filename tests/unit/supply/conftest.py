"""Programs of deploy/tools are no package: their folder is named here, as Python does for the program it runs."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "deploy" / "tools"))
