"""`hounsfield notify test` and what `config check` says of a [[notify]]."""

import json
from pathlib import Path

import pytest
from support.mllp_listener import python_hl7_listener
from support.peers import free_port
from support.webhook_server import webhook_server
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app


def run(*arguments: str) -> Result:
    return CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"}).invoke(app, list(arguments))


def configured(folder: Path, *, hl7_port: int = 2575, url: str = "http://localhost:1/", more: str = "") -> str:
    secret = folder / "webhook.secret"
    secret.write_text("s3cret of this test")
    secret.chmod(0o600)
    file = folder / "hounsfield.toml"
    file.write_text(
        f'storage = {{ home = "{folder / "home"}" }}\n'
        f'[[notify]]\nname = "ris"\nkind = "hl7"\nhost = "127.0.0.1"\nport = {hl7_port}\n'
        f'[[notify]]\nname = "hook"\nkind = "webhook"\nurl = "{url}"\nsecret_file = "{secret}"\n{more}'
    )
    return str(file)


def test_a_test_message_says_in_every_way_that_it_is_one_and_about_nobody(tmp_path: Path) -> None:
    with python_hl7_listener() as listener, webhook_server() as webhook:
        config = configured(tmp_path, hl7_port=listener.port, url=webhook.url)
        for name in ("ris", "hook", "ris"):
            result = run("notify", "test", name, "--config", config)
            assert (result.exit_code, f"{name} accepted" in result.output) == (0, True), result.output
    first, second = listener.messages
    assert str(first["MSH"][0][11]) == "T"
    assert str(first["PID"][0][3]) == "HOUNSFIELD-TEST^^^^PI"
    assert all("TEST MESSAGE" in str(row[5]) for row in first.segments("OBX") if str(row[2]) == "TX")
    assert str(first["MSH"][0][10]) != str(second["MSH"][0][10]), "a listener would drop it as known"
    document = json.loads(webhook.posted[0].body)
    assert (document["test"], document["study_instance_uid"], document["score"]) == (True, "", None)
    assert not (tmp_path / "home" / "hounsfield.db").exists()


def test_a_message_that_is_not_accepted_ends_with_one_and_says_why(tmp_path: Path) -> None:
    with python_hl7_listener("AR") as listener:
        config = configured(tmp_path, hl7_port=listener.port, url=f"http://localhost:{free_port()}/")
        refused, away = (run("notify", "test", name, "--config", config) for name in ("ris", "hook"))
    assert (refused.exit_code, away.exit_code) == (1, 1)
    assert "refuses the test message: AR" in refused.output
    assert "Connection refused" in away.output


def test_a_name_that_is_not_configured_is_told_with_those_there_are(tmp_path: Path) -> None:
    result = run("notify", "test", "nobody", "--config", configured(tmp_path))
    assert result.exit_code == 4
    assert "there are: ris, hook" in result.output


@pytest.mark.parametrize(
    ("mode", "more", "url", "warning"),
    [
        (0o600, "", "http://localhost:1/", ""),
        (0o644, "", "http://localhost:1/", "open to every user"),
        (None, "", "http://localhost:1/", "cannot be read"),
        (0o600, "include_patient = true\n", "http://worklist.example.org/", "which anybody on the way can read"),
        (0o600, "include_patient = true\n", "https://worklist.example.org/", ""),
        (0o600, "include_patient = true\n", "http://localhost:1/", ""),
    ],
)
def test_config_check_warns_of_secrets_and_patients_that_others_can_read(
    tmp_path: Path, mode: int | None, more: str, url: str, warning: str
) -> None:
    config = configured(tmp_path, url=url, more=more)
    secret = tmp_path / "webhook.secret"
    if mode is None:
        secret.unlink()
    else:
        secret.chmod(mode)
    result = run("config", "check", "--config", config)
    assert result.exit_code == 0, result.output
    of_hook = [line for line in result.output.splitlines() if "notify 'hook'" in line and "clinical" not in line]
    assert (warning in of_hook[0]) if warning else (of_hook == []), result.output
    assert "s3cret" not in result.output
