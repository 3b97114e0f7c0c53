"""docs/performance.md from what was measured: every table of it stands between marks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.page import filled, places
from common.parts import PARTS
from common.record import MET, MISSED, figure_sheet, markdown

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
MEASURED = ROOT / "benchmarks" / "measured.json"
ON_GPU = ROOT / "benchmarks" / "inference" / "measured-gpu.json"
"""Of the last run on a machine with one, see docs/performance.md."""
NOT_YET = "Not measured yet."
Found = dict[str, Any]


def measured() -> Found:
    """Return what is kept of the runs so far."""
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {"machine": {}, "parts": {}}


def keep(found: Found) -> None:
    """Keep it, and bring the page up to date. Raises NoPlace."""
    MEASURED.write_text(json.dumps(found, indent=1) + "\n")
    page = PAGE.read_text()
    PAGE.write_text(filled(page, dict.fromkeys(places(page), NOT_YET) | blocks(found, json.loads(ON_GPU.read_text()))))


def blocks(found: Found, on_gpu: Found) -> dict[str, str]:
    """Return what stands between the marks, by their names."""
    parts = {part.name: found["parts"][part.name] for part in PARTS if part.name in found["parts"]}
    made = {"machine": _machine(found["machine"]), "commands": _commands(parts), "verdicts": _verdicts(parts)}
    for name, part in parts.items():
        made |= {f"{name} {sheet['key']}": _sheet(sheet) for sheet in part["sheets"]}
        if part["figures"]:
            made[f"{name} targets"] = "\n\n".join(_targets(part))
    made |= {f"gpu {sheet['key']}": _sheet(sheet) for sheet in on_gpu["sheets"]}
    return made


def _machine(machine: Found) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in (machine["programs"] | machine["libraries"]).items())
    return (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB of memory, no GPU, "
        f"{machine['system']},\na synced write of 4 KiB {machine['sync_ms']} ms. "
        f"Python {machine['python']}, {versions}."
    )


def _commands(parts: Found) -> str:
    heads = ("part", "command", "took, min", "day", "load before")
    rows = (
        (_title(name), f"`{part['command']}`", f"{part['seconds'] / 60:.1f}", part["day"], f"{part['load_before']:.1f}")
        for name, part in parts.items()
    )
    return markdown(heads, rows, left=2)


def _verdicts(parts: Found) -> str:
    rows = []
    for name, part in parts.items():
        verdicts = [figure["verdict"] for figure in part["figures"]]
        if any(verdicts):
            rows.append((f"[{_title(name)}](#{_anchor(name)})", *(str(verdicts.count(one)) for one in (MET, MISSED))))
    return markdown(("part", "targets met", "missed"), rows)


def _targets(part: Found) -> Iterator[str]:
    sheet = figure_sheet(part["figures"])
    yield markdown(sheet.heads, sheet.rows)
    if part["failures"]:
        yield f"Not measured: {'; '.join(part['failures'])}."


def _sheet(sheet: Found) -> str:
    return f"**{sheet['title']}**\n\n{markdown(sheet['heads'], sheet['rows'], sheet['left'])}"


def _title(name: str) -> str:
    return next(part.title for part in PARTS if part.name == name)


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", _title(name).lower())
