import re
from pathlib import Path

import pytest

from hounsfield.model.bundle import open_bundle
from hounsfield.model.lint import lint
from hounsfield.model.selftest import selftest

pytestmark = pytest.mark.heavy

GUIDE = Path(__file__).parents[4] / "docs" / "bring-a-model.md"


def test_the_guide_makes_a_bundle_that_is_clean_and_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec("\n".join(code), {})
    assert lint(tmp_path / "my-ich") == []
    assert selftest(open_bundle(tmp_path / "my-ich")).passed
