"""What is installed: known vulnerabilities are found, parts and licences listed, the wheel is the same bytes twice."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.ops.environments import environment
from tests.repo.closure import ROOT

from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.bundle.signature import check_signature

pytestmark = pytest.mark.slow

# a real advisory, in the form of osv.dev: jinja2 before 3.1.6
ADVISORY = {
    "id": "GHSA-cpwx-vrp4-4pq7", "aliases": ["CVE-2025-27516"], "modified": "2025-03-05T00:00:00Z",
    "summary": "Jinja2 sandbox breakout through the attr filter",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "jinja2"},
                  "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.6"}]}]}],
}


@pytest.fixture(scope="module")
def osv() -> Iterator[tuple[str, list[str]]]:
    """A server that answers as osv.dev does, from the one stored advisory; the packages it was asked about."""
    asked: list[str] = []

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            asked.append(name)
            hit = name == "jinja2" and tuple(map(int, query["version"].split("."))) < (3, 1, 6)
            body = json.dumps({"vulns": [ADVISORY]} if hit else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()


def _audit(requirements: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment("supply") / "pip-audit", "--vulnerability-service", "osv", "--osv-url", url, "--disable-pip",
         "--require-hashes", "--progress-spinner", "off", "-r", requirements],
        capture_output=True, text=True, check=False)


def test_every_locked_package_is_asked_about_and_a_planted_pin_is_found(osv, tmp_path):
    url, asked = osv
    lock = ROOT / "requirements/core.txt"
    clean = _audit(lock, url)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert {"dvc", "pandas", "scikit-learn", "jinja2"} <= set(asked)
    assert len(set(asked)) > 80
    planted = tmp_path / "planted.txt"
    text = lock.read_text(encoding="utf-8")
    at = text.index("jinja2==")
    planted.write_text(text.replace(text[at:text.index(" ", at)], "jinja2==3.1.5", 1), encoding="utf-8")
    found = _audit(planted, url)
    assert found.returncode == 1
    for words in ("jinja2", "3.1.5", "3.1.6", "CVE-2025-27516"):
        assert words in found.stdout + found.stderr


def test_the_list_of_parts_names_versions_and_licences(tmp_path):
    command = [environment("supply") / "cyclonedx-py", "environment", "--output-reproducible", "--of", "JSON",
               "-o", tmp_path / "sbom.json", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = {part["name"].lower(): part for part in json.loads((tmp_path / "sbom.json").read_text())["components"]}
    assert {"dvc", "pandas", "fastapi", "granian"} <= set(parts)
    assert parts["dvc"]["version"] == "3.67.1"
    assert "Apache" in json.dumps(parts["dvc"]["licenses"])
    copyleft = sorted(name for name, part in parts.items() if "AGPL" in json.dumps(part.get("licenses", "")))
    assert copyleft == []


def _wheel(folder: Path) -> Path:
    when = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    subprocess.run([sys.executable, "-m", "flit_core.wheel", "--outdir", folder], cwd=ROOT, check=True,
                   capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": when.stdout.strip()})
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_is_the_same_bytes_twice_and_works_without_the_packages_of_the_tests(tmp_path):
    one, two = (_wheel(tmp_path / name) for name in ("one", "two"))
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(two.read_bytes()).digest()
    assert not [name for name in zipfile.ZipFile(one).namelist() if name.startswith("tests")]
    venv.create(tmp_path / "env")
    python = tmp_path / "env/bin/python"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "--no-deps", one], check=True)
    # what the lock of the core brings, without what the tests add
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r",
                    ROOT / "requirements/core.txt"], check=True)
    shown = subprocess.run([tmp_path / "env/bin/oilcan", "--help"], cwd=tmp_path, capture_output=True, text=True,
                           check=False)
    assert shown.returncode == 0, shown.stderr
    assert "doctor" in shown.stdout


def test_a_release_of_the_bundle_is_the_same_bytes_twice_and_holds_verdict_and_signature(small_repo, tmp_path):
    key, signers = tmp_path / "ada", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"ada {key.with_suffix('.pub').read_text()}")
    small_repo.run("make", "sign", f"KEY={key}")
    for name in ("one", "two"):
        small_repo.run("make", "-o", "repro", "bundle", f"DIST={tmp_path / name}")
        for part in (small_repo.path / "models/bundle").rglob("*"):
            os.utime(part)
    one, two = (tmp_path / name / "bundle.tar.gz" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    (tmp_path / "taken").mkdir()
    subprocess.run(["tar", "-xf", one, "-C", tmp_path / "taken"], check=True)
    assert (tmp_path / "taken/bundle.verdict.json").is_file()
    digest = load_bundle(tmp_path / "taken/bundle").digest
    assert check_signature(tmp_path / "taken/bundle", digest, signers) == "ada"
