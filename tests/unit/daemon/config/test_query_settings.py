"""``[query]`` is whole or not there."""

from pathlib import Path

import pytest

from hounsfield.daemon.config.settings import load_settings
from hounsfield.daemon.errors import ConfigurationError


@pytest.mark.parametrize("missing", ["port", "ae_title"])
def test_a_host_alone_is_refused_by_the_name_of_what_is_missing(tmp_path: Path, missing: str) -> None:
    keys = {"host": '"10.1.2.3"', "port": "104", "ae_title": '"PACS"'}
    del keys[missing]
    file = tmp_path / "hounsfield.toml"
    file.write_text("[query]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file)
    (problem,) = caught.value.problems
    assert (problem.source, problem.key) == (str(file), f"query.{missing}")
    assert "query.host, query.port and query.ae_title" in problem.allowed


def test_without_a_host_nothing_else_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "hounsfield.toml"
    file.write_text("[query]\ntimeout_seconds = 2.0\n")
    assert load_settings(file).query.timeout_seconds == 2.0
