"""The manifests are valid by the schemas of Kubernetes, and agree with the image and the routes of the service."""

import subprocess
from typing import Any

import yaml
from tests.ops.environments import environment
from tests.repo.closure import ROOT

from oilcan.serving.access.auth import PUBLIC

FOLDER = ROOT / "deploy/kubernetes"
IMAGE = (ROOT / "deploy/docker/Containerfile").read_text(encoding="utf-8")


def _parts() -> dict[str, dict[str, Any]]:
    return {part["kind"]: part for part in yaml.safe_load_all((FOLDER / "service.yaml").read_text(encoding="utf-8"))}


def _validate(path: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([environment("supply") / "kubernetes-validate", "--strict", path], capture_output=True,
                          text=True, check=False)


def test_the_manifests_are_valid_and_a_misspelt_one_is_not(tmp_path):
    for name in ("service.yaml", "retrain.yaml", "../dask/kubernetes.yaml"):
        valid = _validate(FOLDER / name)
        assert valid.returncode == 0, valid.stdout + valid.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text((FOLDER / "service.yaml").read_text().replace("containerPort:", "containerport:"))
    assert _validate(broken).returncode != 0


def test_the_manifest_agrees_with_the_image():
    pod = _parts()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" in IMAGE
    assert f"OILCAN_PORT={container['ports'][0]['containerPort']}" in IMAGE
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts["/models"]
    assert not mounts["/data"]
    assert "OILCAN_BUNDLE=/models/" in IMAGE
    assert "OILCAN_STORE=sqlite:////data/" in IMAGE
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_probes_ask_routes_that_need_no_key():
    (container,) = _parts()["Deployment"]["spec"]["template"]["spec"]["containers"]
    paths = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"/healthz", "/readyz"}
    assert paths <= PUBLIC


def test_the_monitor_finds_the_service():
    monitor = yaml.safe_load((FOLDER / "servicemonitor.yaml").read_text(encoding="utf-8"))["spec"]
    service = _parts()["Service"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["authorization"]["credentials"]["key"]
