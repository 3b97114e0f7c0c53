"""The manifests of deploy/kubernetes, as kubectl builds them, against the schemas of Kubernetes and our own program."""

import functools
import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import make_url
from support.command_line import misunderstood
from support.images import environment, stages
from support.tools import run_installed

from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.roles import Role
from hounsfield.daemon.sign_of_life import VARIABLE
from hounsfield.daemon.stop_signals import STOP_SECONDS

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
IMAGE = stages(ROOT / "deploy" / "docker" / "Dockerfile")
OVERLAYS = ("cpu", "gpu")
OLDEST, NEWEST = "1.30", "1.37"
"""Kubernetes that the manifests are checked for."""
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"

Manifest = dict[str, Any]


def build(folder: Path) -> list[Manifest]:
    done = run_installed("kubectl", "kustomize", folder)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))  # ten times as fast as the one in Python


@functools.cache
def built(overlay: str) -> list[Manifest]:
    return build(KUBERNETES / "overlays" / overlay)


def of_kind(kind: str, overlay: str = "cpu") -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in built(overlay) if one["kind"] == kind}


def pods(overlay: str = "cpu") -> Iterator[tuple[str, Manifest]]:
    """Return the pod of every Deployment and Job, by its name."""
    for kind in ("Deployment", "Job"):
        for name, one in of_kind(kind, overlay).items():
            yield name, one["spec"]["template"]


def container(pod: Manifest) -> Manifest:
    (only,) = pod["spec"]["containers"]
    found: Manifest = only
    return found


def is_selected(selector: Manifest, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    several = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in several)
    return wanted.items() <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in several)


def policies_for(role: str, direction: str) -> list[Manifest]:
    """Return what a role's pods may do: the rules of every policy that selects them."""
    labels = next(pod["metadata"]["labels"] for name, pod in pods() if name == role)
    chosen = [one["spec"] for one in of_kind("NetworkPolicy").values()]
    return [
        rule
        for spec in chosen
        if is_selected(spec["podSelector"], labels) and direction.capitalize() in spec["policyTypes"]
        for rule in spec.get(direction, [])
    ]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The configuration of the cluster, as the image reads it."""
    for name, value in environment(IMAGE, "cpu").items():
        if name.startswith("HOUNSFIELD_"):
            monkeypatch.setenv(name, value)
    (configuration,) = of_kind("ConfigMap").values()
    file = tmp_path / "hounsfield.toml"
    file.write_text(configuration["data"]["hounsfield.toml"])
    return load_settings(file)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field_of_every_manifest(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = functools.cache(kubernetes_validate.utils.schema_contents)  # of megabytes, once for each of them otherwise
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", read)
    assert len(built("cpu")) == len(built("gpu")) > 20
    for manifest in [*built("cpu"), *(one for one in built("gpu") if one not in built("cpu"))]:
        assert kubernetes_validate.validate(manifest, version, strict=True) == version


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    manifest = {**of_kind("Service")["console"], "specification": {}}
    with pytest.raises(kubernetes_validate.ValidationError, match="specification"):
        kubernetes_validate.validate(manifest, NEWEST, strict=True)


def test_everything_lies_in_one_namespace_that_takes_restricted_pods_only() -> None:
    (namespace,) = of_kind("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [one for one in built("gpu") if one["kind"] != "Namespace"]
    assert {one["metadata"]["namespace"] for one in others} == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_has_rights_or_can_write_where_it_should_not(overlay: str) -> None:
    for name, pod in pods(overlay):
        spec, ours = pod["spec"], container(pod)
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), name
        user = f"{security['runAsUser']}:{security['runAsGroup']}"
        assert [user] == IMAGE["cpu"].all("USER") == IMAGE["gpu"].all("USER")
        assert ours["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_finds_its_folders_configuration_and_password(overlay: str, settings: Settings) -> None:
    kinds = {"configMap": "ConfigMap", "secret": "Secret", "persistentVolumeClaim": "PersistentVolumeClaim"}
    for name, pod in pods(overlay):
        ours, volumes = container(pod), {one["name"]: one for one in pod["spec"]["volumes"]}
        mounted = {one["mountPath"]: volumes[one["name"]] for one in ours["volumeMounts"]}
        assert "emptyDir" in mounted[str(settings.storage.home)], name
        assert "persistentVolumeClaim" in mounted[str(settings.storage.shared)]
        assert "emptyDir" in mounted[str(Path(environment(IMAGE, "cpu")[VARIABLE]).parent)]
        variables = {one["name"]: one["value"] for one in ours["env"]}
        for variable, kind in (("HOUNSFIELD_CONFIG", "configMap"), ("PGSERVICEFILE", "secret")):
            file = Path(variables[variable])
            source = mounted[str(file.parent)][kind]
            manifest = of_kind(kinds[kind], overlay)[source.get("name") or source["secretName"]]
            assert file.name in manifest["data"]
        for kind in kinds.keys() & {key for one in volumes.values() for key in one}:
            named = [one[kind] for one in volumes.values() if kind in one]
            names = [one.get("name") or one.get("secretName") or one["claimName"] for one in named]
            assert set(names) <= of_kind(kinds[kind], overlay).keys()


def test_every_role_runs_and_the_schema_is_made() -> None:
    commands = {name: container(pod)["args"] for name, pod in pods()}
    assert commands.pop("hounsfield-upgrade") == ["db", "upgrade"]
    assert commands == {str(role): ["run", "--role", str(role)] for role in Role}
    for words in commands.values():
        assert misunderstood(words) is None
    assert of_kind("Deployment")["receiver"]["spec"]["replicas"] == 2


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_environment_variables_are_settings_that_the_daemon_takes(
    overlay: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUNSFIELD_DICOM__LEARNING", "true")
    for _, pod in pods(overlay):
        with monkeypatch.context() as patched:
            for one in container(pod)["env"]:
                patched.setenv(one["name"], one["value"])
            device = load_settings(None).worker.device
        is_gpu = overlay == "gpu" and container(pod)["args"][-1] == "worker"
        assert device == ("gpu" if is_gpu else settings.worker.device)


def test_a_gpu_is_asked_for_by_workers_of_one_overlay_only_and_with_the_image_that_has_its_libraries() -> None:
    asked = {
        (overlay, name): (container(pod)["resources"]["limits"].get("nvidia.com/gpu"), container(pod)["image"])
        for overlay in OVERLAYS
        for name, pod in pods(overlay)
    }
    gpu = asked.pop(("gpu", "worker"))
    assert gpu == (1, "registry.example.org/hounsfield:gpu")
    assert set(asked.values()) == {(None, "registry.example.org/hounsfield:cpu")}


def test_roles_that_hang_are_noticed_by_a_command_that_exists() -> None:
    for name, deployment in of_kind("Deployment").items():
        ours = container(deployment["spec"]["template"])
        for probe in (ours["startupProbe"], ours["livenessProbe"]):
            program, *words = probe["exec"]["command"]
            assert program == "hounsfield", name
            assert misunderstood(words) is None


def test_a_pod_may_end_as_slowly_as_the_service_does() -> None:
    for name, pod in pods():
        before = container(pod).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
        assert pod["spec"]["terminationGracePeriodSeconds"] > float(before[-1]) + 2 * STOP_SECONDS, name


def test_ports_are_those_of_the_configuration(settings: Settings) -> None:
    ports = {}
    for name, pod in pods():
        for port in container(pod).get("ports", []):
            ports[name, port["name"]] = port["containerPort"]
    assert ports == {("receiver", "dicom"): settings.dicom.port, ("console", "http"): settings.console.port}
    for name, service in of_kind("Service").items():
        (port,) = service["spec"]["ports"]
        assert port["port"] == ports[name, port["targetPort"]]
    asked = {name: container(pod).get("readinessProbe", {}) for name, pod in pods()}
    assert asked["receiver"]["tcpSocket"] == {"port": "dicom"}
    assert asked["console"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert settings.console.host == "0.0.0.0"


def test_scanners_reach_receivers_from_outside_under_their_own_addresses() -> None:
    spec = of_kind("Service")["receiver"]["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert of_kind("Service")["console"]["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_selectors_choose_the_pods_of_one_role() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods()}
    for kind in ("Deployment", "Service", "PodDisruptionBudget"):
        for name, one in of_kind(kind).items():
            selector = one["spec"]["selector"]
            wanted = selector if kind == "Service" else selector["matchLabels"]
            assert [role for role, has in labels.items() if wanted.items() <= has.items()] == [name], kind
    assert of_kind("PodDisruptionBudget").keys() == of_kind("Deployment").keys() == {str(role) for role in Role}


def test_receivers_stand_on_different_nodes_and_one_always_stays() -> None:
    receiver = of_kind("Deployment")["receiver"]["spec"]
    (spread,) = receiver["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == receiver["selector"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "DoNotSchedule")
    assert receiver["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert of_kind("PodDisruptionBudget")["receiver"]["spec"]["minAvailable"] == 1


def test_every_container_says_what_it_needs_and_a_worker_has_room_for_its_largest_series(settings: Settings) -> None:
    for name, pod in pods():
        resources = container(pod)["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), name
        assert "memory" in resources["limits"]
    worker = next(pod for name, pod in pods() if name == "worker")
    (room,) = (one["emptyDir"]["sizeLimit"] for one in worker["spec"]["volumes"] if one["name"] == "home")
    assert int(room.removesuffix("Gi")) * 2**30 > settings.worker.scratch_bytes


def test_nobody_talks_to_anybody_unless_it_is_said() -> None:
    nobody = of_kind("NetworkPolicy")["nobody"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in ("assembler", "worker", "courier", "hounsfield-upgrade"):
        assert policies_for(name, "ingress") == [], name


def targets(role: str) -> set[tuple[str, int]]:
    """Return which addresses a role's pods reach, and at which port."""
    return {
        (to["ipBlock"]["cidr"], port["port"])
        for rule in policies_for(role, "egress")
        for to in rule["to"]
        for port in rule["ports"]
        if "ipBlock" in to
    }


def test_pods_reach_the_database_and_couriers_the_pacs_of_the_configuration(settings: Settings) -> None:
    url = make_url(settings.storage.resolved_database_url)
    database = (f"{url.host}/32", url.port or 5432)
    pacs = {(f"{one.host}/32", one.port) for one in settings.destination}
    for name, _ in pods():
        assert targets(name) == ({database} | pacs if name in ("courier", "assembler") else {database}), name


def test_receivers_hear_the_peers_of_the_configuration_and_people_the_console(settings: Settings) -> None:
    ((rule),) = policies_for("receiver", "ingress")
    networks = [ipaddress.ip_network(one["ipBlock"]["cidr"]) for one in rule["from"]]
    hosts = [ipaddress.ip_address(host) for peer in settings.peer for host in peer.host]
    assert hosts
    assert all(any(host in network for network in networks) for host in hosts)
    assert rule["ports"] == [{"port": "dicom"}]
    ((rule),) = policies_for("console", "ingress")
    assert all("namespaceSelector" in one for one in rule["from"])
    assert rule["ports"] == [{"port": "http"}]


def test_the_database_password_is_one_to_be_replaced_under_the_name_that_the_configuration_asks_for(
    settings: Settings,
) -> None:
    text = (KUBERNETES / "base" / "pg_service.conf").read_text()
    service = make_url(settings.storage.resolved_database_url).query["service"]
    assert text == f"[{service}]\npassword=replace-me-in-your-overlay\n"


def test_the_folder_that_all_share_can_be_mounted_on_many_nodes() -> None:
    (claim,) = of_kind("PersistentVolumeClaim").values()
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


PATCHES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: database, namespace: hounsfield}
spec: {egress: [{to: [{ipBlock: {cidr: 10.9.9.9/32}}], ports: [{port: 5432}]}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: hounsfield-shared, namespace: hounsfield}
spec: {storageClassName: nfs}
"""


def test_a_site_has_its_own_overlay_as_the_document_shows_it(tmp_path: Path) -> None:
    (overlay,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "deploy" / "README.md").read_text(), re.DOTALL)
    beside = os.path.relpath(ROOT, tmp_path)
    (tmp_path / "kustomization.yaml").write_text(overlay.replace("- hounsfield/", f"- {beside}/"))
    (tmp_path / "hounsfield.toml").write_text("[dicom]\nlearning = true\n")
    (tmp_path / "pg_service.conf").write_text("[hounsfield]\npassword=ours\n")
    networks, storage = PATCHES.split("---\n")
    (tmp_path / "networks.yaml").write_text(networks)
    (tmp_path / "storage.yaml").write_text(storage)
    site = {(one["kind"], re.sub(r"-\w{10}$", "", one["metadata"]["name"])): one for one in build(tmp_path)}
    assert site.keys() == {(one["kind"], re.sub(r"-\w{10}$", "", one["metadata"]["name"])) for one in built("gpu")}
    assert site["ConfigMap", "hounsfield-configuration"]["data"]["hounsfield.toml"] == "[dicom]\nlearning = true\n"
    assert site["PersistentVolumeClaim", "hounsfield-shared"]["spec"]["storageClassName"] == "nfs"
    (rule,) = site["NetworkPolicy", "database"]["spec"]["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.9.9.9/32"}}], "in the place of the example"
    (mounted,) = (
        one["secret"]["secretName"]
        for one in site["Deployment", "worker"]["spec"]["template"]["spec"]["volumes"]
        if "secret" in one
    )
    assert mounted == site["Secret", "hounsfield-database"]["metadata"]["name"]


def test_every_file_is_built_into_something() -> None:
    files = {path for path in KUBERNETES.rglob("*") if path.is_file()}
    named = {path for path in files if path.name == "kustomization.yaml"}
    for path in list(named):
        words = set(re.findall(r"[\w.-]+\.(?:yaml|toml|conf)\b", path.read_text()))
        named |= {path.parent / word for word in words}
    assert files == named
