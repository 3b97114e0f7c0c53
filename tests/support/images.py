"""What a Dockerfile says, as far as ours goes: stages, and in each its instructions with the continued lines joined."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Instruction = tuple[str, str]
"""Such as ("COPY", "daemon daemon")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One FROM."""

    name: str
    base: str
    instructions: Sequence[Instruction]

    def all(self, keyword: str) -> list[str]:
        """Return what stands behind every instruction of a kind."""
        return [rest for word, rest in self.instructions if word == keyword]


def stages(dockerfile: Path) -> dict[str, Stage]:
    """Return the stages in their order, by their names."""
    found: dict[str, Stage] = {}
    for block in re.split(r"^(?=FROM )", _joined(dockerfile.read_text()), flags=re.MULTILINE)[1:]:
        first, *lines = block.splitlines()
        match = re.fullmatch(r"FROM (\S+) AS (\S+)", first)
        assert match is not None, f"a stage needs a name: {first}"
        instructions = [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]
        found[match[2]] = Stage(name=match[2], base=match[1], instructions=instructions)
    return found


def lineage(found: dict[str, Stage], name: str) -> list[Stage]:
    """Return a stage and those that it is built on, the first one first."""
    stage = found.get(name)
    return [] if stage is None else [*lineage(found, stage.base), stage]


def environment(found: dict[str, Stage], name: str) -> dict[str, str]:
    """Return the variables that an image of a stage sets."""
    pairs = (pair for stage in lineage(found, name) for line in stage.all("ENV") for pair in line.split())
    return dict(pair.split("=", 1) for pair in pairs)


def _joined(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return re.sub(r"\\\n\s*", " ", "\n".join(lines))
