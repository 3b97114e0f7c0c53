"""The trees of errors that errors.py draws are those of the classes."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BRANCH = re.compile(r"^ {4}([│ ]*)[├└]── (\w+) {2,}\S")


def drawn(docstring: str) -> dict[str, str]:
    """Return the parent of each error in the tree of a docstring."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in docstring.splitlines():
        if match := re.fullmatch(r" {4}(\w+Error)", line):
            above = [match[1]]
        elif match := BRANCH.match(line):
            del above[1 + len(match[1]) // 4 :]
            parents[match[2]] = above[-1]
            above.append(match[2])
    return parents


@pytest.mark.parametrize("name", ["daemon", "storage", "model"])
def test_a_package_draws_the_tree_of_its_errors_as_it_is(name: str) -> None:
    tree = ast.parse((ROOT / name / "errors.py").read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.bases]
    parents = {node.name: ast.unparse(node.bases[0]) for node in classes}
    root = next(name for name, parent in parents.items() if parent == "Exception")
    del parents[root]
    assert drawn(ast.get_docstring(tree, clean=False) or "") == parents
