"""The tools that make the documents are no package: their folder is named here, as Python does for a program."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "docs" / "tools"))
