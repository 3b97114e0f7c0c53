"""`make audit` tells apart: nothing known, something known, and nobody to ask."""

import json
import sys
from pathlib import Path

import audit
import pytest

GOOD = {"name": "numpy", "version": "2", "vulns": []}
BAD = {
    "name": "pillow",
    "version": "1",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2099-1"], "fix_versions": ["1.1"], "description": ""}],
}


def pip_audit(folder: Path, said: str, status: int, error: str = "") -> tuple[str, str]:
    """A program that answers like pip-audit."""
    file = folder / "program.py"
    file.write_text(f"import sys\nprint({said!r})\nprint({error!r}, file=sys.stderr)\nsys.exit({status})\n")
    return (sys.executable, str(file))


def test_no_known_vulnerability_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([], pip_audit(tmp_path, json.dumps({"dependencies": [GOOD]}), 0)) == 0
    assert capsys.readouterr().out == "1 packages asked for, 0 known vulnerabilities\n"


def test_a_known_vulnerability_is_named_with_the_version_that_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([], pip_audit(tmp_path, json.dumps({"dependencies": [GOOD, BAD]}), 1)) == 1
    assert "pillow 1: PYSEC-1, CVE-2099-1; mended in 1.1\n" in capsys.readouterr().out


@pytest.mark.parametrize("said", ["", "[]", "{}", "not JSON"])
def test_a_source_that_is_not_reached_is_an_error_of_its_own(
    said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([], pip_audit(tmp_path, said, 1, "ERROR: connection refused")) == 2
    error = capsys.readouterr().err
    assert error == "audit: the advisory source was not reached, nothing is known: ERROR: connection refused\n"


def test_a_package_the_source_does_not_answer_for_is_not_called_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"dependencies": [GOOD, {"name": "scipy", "skip_reason": "not found"}]}
    assert audit.main([], pip_audit(tmp_path, json.dumps(answer), 0)) == 2
    assert capsys.readouterr().err == "audit: no answer about scipy\n"


def test_a_mirror_without_advisories_is_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"dependencies": [{"name": "scipy", "skip_reason": "not found"}]}
    assert audit.main([], pip_audit(tmp_path, json.dumps(answer), 0)) == 2
    assert "nothing is known: it knows none of the packages" in capsys.readouterr().err


def test_a_source_that_hangs_is_given_up(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import threading\nthreading.Event().wait(60)\n")
    with pytest.raises(audit.Unanswered, match="no answer within"):
        audit.ask([], (sys.executable, str(program)), seconds=0.5)
