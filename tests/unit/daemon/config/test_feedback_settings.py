"""Document titles in [feedback]: a typing error is told at the start, not by silence later."""

from pathlib import Path

import pytest

from hounsfield.daemon.config.settings import load_settings
from hounsfield.daemon.errors import ConfigurationError


def written(folder: Path, text: str) -> Path:
    path = folder / "hounsfield.toml"
    path.write_text(f"[feedback]\n{text}\n")
    return path


def test_titles_are_kept_without_the_spaces_people_type(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, 'agree = [" 113000 , DCM", "AI-OK,99SITE"]'))
    assert settings.feedback.agree == ("113000,DCM", "AI-OK,99SITE")
    assert settings.feedback.disagree == ("113001,DCM", "113037,DCM")


@pytest.mark.parametrize(
    "title", ["113000", "113000 DCM", ",DCM", "113000,", "a,b,c", "x" * 65 + ",DCM", "a\\\\b,DCM", ""]
)
def test_what_is_no_code_with_a_scheme_is_a_problem_that_names_the_key(tmp_path: Path, title: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(written(tmp_path, f'agree = ["{title}"]'))
    (problem,) = caught.value.problems
    assert problem.key == "feedback.agree[0]"
    assert "113000,DCM" in problem.allowed


def test_a_title_that_would_mean_both_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(written(tmp_path, 'agree = ["113001,DCM"]'))
    (problem,) = caught.value.problems
    assert (problem.key, '"113001,DCM"' in problem.wrong) == ("feedback.agree", True)
