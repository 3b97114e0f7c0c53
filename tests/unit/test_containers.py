"""The images and compositions of deploy/docker, read by the checkers of their formats and compared with the program."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.command_line import misunderstood
from support.images import Stage, environment, lineage, stages
from support.peers import free_port, require_binary, run_tool, running
from support.tools import run_installed
from support.waiting import wait_until

from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.roles import Role
from hounsfield.daemon.sign_of_life import SILENCE_SECONDS, VARIABLE
from hounsfield.daemon.stop_signals import STOP_SECONDS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKER = DEPLOY / "docker"
DOCKERFILE = DOCKER / "Dockerfile"
TRIAL, SITE, GPU = (DOCKER / name for name in ("compose.yaml", "compose.site.yaml", "compose.gpu.yaml"))
OURS = ("hounsfield", "hounsfield:gpu")


@pytest.fixture(scope="module")
def image() -> dict[str, Stage]:
    return stages(DOCKERFILE)


def composition(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def our_services(file: Path) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in composition(file)["services"].items() if one["image"] in OURS}


def set_environment(monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage], service: dict[str, Any]) -> None:
    for name, value in {**environment(image, "cpu"), **service["environment"]}.items():
        if name.startswith("HOUNSFIELD_"):
            monkeypatch.setenv(name, value)


def settings_of_site(monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage]) -> Settings:
    set_environment(monkeypatch, image, our_services(SITE)["receiver"])
    return load_settings(DOCKER / "site.toml")


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = run_installed("hadolint", DOCKERFILE)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_both_images_run_as_a_user_without_rights_and_say_how_they_are(image: dict[str, Stage], target: str) -> None:
    stage, runtime = image[target], image["runtime"]
    assert [one.name for one in lineage(image, target)] == ["runtime", target]
    assert stage.instructions[-1] == ("USER", "10001:10001"), "nothing is done after it"
    assert runtime.all("ENTRYPOINT") == ['["hounsfield"]']
    (check,) = runtime.all("HEALTHCHECK")
    words = json.loads(check.partition(" CMD ")[2])
    assert words[0] == "hounsfield"
    assert misunderstood(words[1:]) is None
    assert misunderstood(json.loads(runtime.all("CMD")[0])) is None
    copied = [line for line in stage.all("COPY") if not line.startswith("--from=packages")]
    assert copied == [], "only what was installed comes from the stages that build"


def test_the_image_that_is_built_without_a_target_computes_on_the_processor(image: dict[str, Stage]) -> None:
    assert list(image)[-1] == "cpu"
    assert {one.base for one in image.values()} - image.keys() == {"${PYTHON_IMAGE}"}


def test_the_image_is_watched_by_the_file_that_the_service_writes(image: dict[str, Stage]) -> None:
    variables = environment(image, "cpu")
    assert variables[VARIABLE].startswith("/tmp/"), "a tmpfs in every composition"
    (check,) = image["runtime"].all("HEALTHCHECK")
    seconds = {name: int(value) for name, value in re.findall(r"--([a-z-]+)=(\d+)s", check)}
    assert seconds["interval"] < SILENCE_SECONDS
    assert seconds["start-period"] >= 2 * seconds["interval"]


def test_the_images_settings_are_ones_that_the_daemon_takes(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage]
) -> None:
    set_environment(monkeypatch, image, {"environment": {"HOUNSFIELD_DICOM__LEARNING": "true"}})
    settings = load_settings(None)
    assert image["runtime"].all("VOLUME") == [str(settings.storage.home)]
    assert image["runtime"].all("EXPOSE") == [f"{settings.dicom.port} {settings.console.port}"]


def test_the_image_copies_only_what_exists_and_the_context_lets_through(image: dict[str, Stage]) -> None:
    lines = [line for stage in image.values() for line in stage.all("COPY") if not line.startswith("--from")]
    sources = [word for line in lines for word in line.split()[:-1]]
    let_through = (DOCKER / "Dockerfile.dockerignore").read_text().split()
    assert [name for name in sources if not (ROOT / name).exists() or f"!{name}" not in let_through] == []
    assert {name for name in let_through if name.startswith("!")} == {f"!{name}" for name in sources}


def test_compositions_are_as_the_compose_specification_wants_them() -> None:
    done = run_installed("check-jsonschema", "--builtin-schema", "vendor.compose-spec", TRIAL, SITE, GPU)
    assert done.returncode == 0, done.stdout + done.stderr


def test_docker_compose_reads_them_where_it_is_installed(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    for files in ([TRIAL], [SITE], [SITE, GPU]):
        assert all(file.read_text().startswith("# ") for file in files)
        if plugin:
            named = [word for file in files for word in ("--file", file)]
            command = ["docker", "compose", *named, "config", "--quiet"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", [TRIAL, SITE])
def test_a_composition_publishes_on_loopback_only_and_everything_that_it_names_is_there(file: Path) -> None:
    whole = composition(file)
    for name, service in whole["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
        assert {one for one in sources if not one.startswith(".")} <= set(whole["volumes"])
        assert all((DOCKER / one).exists() for one in sources if one.startswith("."))
        assert set(service.get("depends_on", [])) <= set(whole["services"])
        assert set(service.get("networks", [])) <= set(whole.get("networks", []))
        assert set(service.get("secrets", [])) <= set(whole.get("secrets", []))


@pytest.mark.parametrize("file", [TRIAL, SITE])
def test_our_services_have_no_rights_and_a_root_that_cannot_be_written(file: Path) -> None:
    for name, service in our_services(file).items():
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], "where the sign of life is written"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert float(service["stop_grace_period"].rstrip("s")) > 2 * STOP_SECONDS, "receivers first, then the others"
        assert not service.get("privileged")
        assert misunderstood(service.get("command", ["run"])) is None


def test_the_trial_gives_the_daemon_configuration_that_fits_its_orthanc(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage]
) -> None:
    set_environment(monkeypatch, image, our_services(TRIAL)["hounsfield"])
    assert_orthanc_and_we_find_each_other(load_settings(None), TRIAL, {"hounsfield"})


def test_the_site_gives_the_daemon_configuration_that_fits_its_orthanc(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage]
) -> None:
    receiver = our_services(SITE)["receiver"]
    settings = settings_of_site(monkeypatch, image)
    assert_orthanc_and_we_find_each_other(settings, SITE, set(receiver["networks"]["dicom"]["aliases"]))


def assert_orthanc_and_we_find_each_other(settings: Settings, file: Path, our_names: set[str]) -> None:
    (destination,) = settings.destination
    orthanc = json.loads((DOCKER / "orthanc.json").read_text())
    assert destination.host in composition(file)["services"]
    assert (destination.ae_title, destination.port) == (orthanc["DicomAet"], orthanc["DicomPort"])
    title, host, port = orthanc["DicomModalities"]["hounsfield"]
    assert (title, port) == (settings.dicom.ae_title, settings.dicom.port)
    assert host in our_names


def test_the_site_runs_every_role_once_after_the_schema_is_there() -> None:
    services = our_services(SITE)
    commands = {name: service["command"] for name, service in services.items()}
    assert commands.pop("upgrade") == ["db", "upgrade"]
    assert commands == {str(role): ["run", "--role", str(role)] for role in Role}
    for role in Role:
        assert services[role]["depends_on"] == {"upgrade": {"condition": "service_completed_successfully"}}
    assert services["upgrade"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_sites_roles_share_database_folder_and_configuration(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage]
) -> None:
    settings = settings_of_site(monkeypatch, image)
    whole, services = composition(SITE), our_services(SITE)
    for service in services.values():
        places = dict(reversed(volume.removesuffix(":ro").split(":")) for volume in service["volumes"])
        assert places[service["environment"]["HOUNSFIELD_CONFIG"]] == "./site.toml"
        assert places[str(settings.storage.shared)] in whole["volumes"]
        assert str(settings.storage.home) not in places, "each container has its own"
        assert service["environment"]["PGSERVICEFILE"] == "/run/secrets/" + service["secrets"][0]
    postgres = whole["services"]["postgres"]["environment"]
    url = f"postgresql://{postgres['POSTGRES_USER']}@postgres/{postgres['POSTGRES_DB']}?service=hounsfield"
    assert settings.storage.database_url == url


def test_a_worker_of_the_site_reaches_the_database_and_nothing_else() -> None:
    whole = composition(SITE)
    assert whole["networks"]["database"] == {"internal": True}
    assert whole["services"]["worker"]["networks"] == ["database"]


def test_a_gpu_changes_the_worker_only(monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage]) -> None:
    ((name, worker),) = our_services(GPU).items()
    assert name in our_services(SITE)
    monkeypatch.setenv("HOUNSFIELD_DICOM__LEARNING", "true")
    set_environment(monkeypatch, image, worker)
    assert load_settings(None).worker.device == "gpu"
    assert worker["build"]["target"] in image
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def test_secrets_come_from_files_that_are_drawn_once(tmp_path: Path) -> None:
    script, folder = DOCKER / "make-secrets.sh", tmp_path / "secrets"
    first = subprocess.run([script, folder], capture_output=True, text=True, check=True)
    content = {file.name: file.read_text() for file in folder.iterdir()}
    named = composition(SITE)["secrets"]
    assert {f"./secrets/{name}" for name in content} == {one["file"] for one in named.values()}
    assert len(first.stdout.splitlines()) == len(content)
    assert content["pg_service.conf"] == f"[hounsfield]\npassword={content['postgres_password']}\n"
    assert content["postgres_password"] != content["grafana_password"]
    assert len(content["postgres_password"]) == 48
    assert folder.stat().st_mode & 0o777 == 0o700, "nobody else gets through"
    again = subprocess.run([script, folder], capture_output=True, text=True, check=True)
    assert (again.stdout, {file.name: file.read_text() for file in folder.iterdir()}) == ("", content)


def test_no_service_has_a_password_in_its_environment() -> None:
    variables = [
        (name, value)
        for file in (TRIAL, SITE)
        for service in composition(file)["services"].values()
        for name, value in service.get("environment", {}).items()
    ]
    secret = [(name, value) for name, value in variables if re.search("PASSWORD|SECRET|TOKEN", name)]
    assert secret
    assert all(name.endswith("_FILE") and value.startswith("/run/secrets/") for name, value in secret)


def test_prometheus_of_the_site_asks_the_console_by_a_name_that_it_answers_to(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Stage], tmp_path: Path
) -> None:
    for file in (DOCKER / "prometheus.yml", DEPLOY / "prometheus" / "alerts.yml"):
        shutil.copy(file, tmp_path)
    done = run_tool("promtool", "check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    whole = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    usual = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (host, port) = whole["scrape_configs"][0]["static_configs"][0].pop("targets")[0].split(":")
    usual["scrape_configs"][0]["static_configs"][0].pop("targets")
    assert whole == usual
    console = settings_of_site(monkeypatch, image).console
    assert (host in composition(SITE)["services"], host in console.hosts, int(port)) == (True, True, console.port)


def test_grafana_of_the_site_finds_prometheus_and_the_dashboard() -> None:
    services, folder = composition(SITE)["services"], DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    host, port = source["url"].removeprefix("http://").split(":")
    assert services[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "hounsfield.yml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/hounsfield.json" in mounted
    assert "/etc/grafana/provisioning" in mounted


def test_the_dashboard_chooses_its_data_source_itself_so_that_it_need_not_be_imported_by_hand() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "hounsfield.json").read_text())
    assert "__inputs" not in dashboard
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    asked = set(re.findall(r'"uid": "\$\{(\w+)\}"', json.dumps(dashboard)))
    assert asked == {name for name, one in variables.items() if one["type"] == "datasource"}


def test_orthanc_starts_with_the_configuration_of_the_compositions(tmp_path: Path) -> None:
    configuration = json.loads((DOCKER / "orthanc.json").read_text())
    configuration |= {"StorageDirectory": str(tmp_path), "IndexDirectory": str(tmp_path), "RemoteAccessAllowed": False}
    configuration |= {"HttpPort": free_port(), "DicomPort": free_port(), "Plugins": []}
    file, log = tmp_path / "orthanc.json", tmp_path / "log"
    file.write_text(json.dumps(configuration))
    with running([require_binary("Orthanc"), file], log) as process:
        wait_until(lambda: "Orthanc has started" in log.read_text() or process.poll() is not None, 30)
        assert process.poll() is None
        process.kill()
