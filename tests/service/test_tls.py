"""TLS by the server's own options: a real certificate, a real server, a client that verifies."""

import contextlib
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from oilcan import cli
from oilcan.ground.errors import ParamsError
from oilcan.serving.access.tls import check_pair

OILCAN = str(Path(sys.executable).with_name("oilcan"))


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by its own key, and that key; named in conftest.PROGRAMS."""
    folder = tmp_path_factory.mktemp("tls")
    pair = folder / "certificate.pem", folder / "key.pem"
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
             "-out", str(pair[0]), "-keyout", str(pair[1]))
    return pair


@pytest.fixture(scope="module")
def server(serve_all, certificate):
    return serve_all(tls_certificate=certificate[0], tls_key=certificate[1])


def test_a_client_that_knows_the_certificate_is_answered(server):
    card = httpx.get(f"{server.url}/v1/model", verify=server.verify, timeout=60).json()
    assert card["contract"]["name"] == "demo_fleet"


def test_a_client_that_does_not_know_it_lets_go(server):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{server.url}/healthz", timeout=60)


def test_plain_http_gets_no_answer(server):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{server.port}/healthz", timeout=60)


def test_tls_older_than_1_3_is_refused(server):
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode, old.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.ConnectError, match="PROTOCOL_VERSION"):
        httpx.get(f"{server.url}/healthz", verify=old, timeout=60)


def test_commands_reach_it(server, certificate, monkeypatch, capsys):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert cli.main(["model", "shadow", "bundle", "--url", server.url]) == 0
    assert " in service" in capsys.readouterr().out


def test_commands_that_do_not_trust_it_say_so_at_once(server, capsys):
    assert cli.main(["model", "rollback", "--url", server.url]) == 1
    assert "certificate is not trusted" in capsys.readouterr().err


@pytest.mark.usefixtures("certificate")
def test_keys_of_other_kinds_fit(tmp_path):
    for kind in ("rsa", "ed25519"):
        _openssl("req", "-x509", "-newkey", kind, "-nodes", "-subj", "/CN=x", "-out", str(tmp_path / f"{kind}.crt"),
                 "-keyout", str(tmp_path / f"{kind}.key"))
        check_pair(tmp_path / f"{kind}.crt", tmp_path / f"{kind}.key")


def _absent(_pair: tuple[Path, Path], key: Path) -> None:
    key.unlink(missing_ok=True)


def _open_to_all(pair: tuple[Path, Path], key: Path) -> None:
    key.write_bytes(pair[1].read_bytes())
    key.chmod(0o644)


def _of_another(_pair: tuple[Path, Path], key: Path) -> None:
    _openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))


def _locked(pair: tuple[Path, Path], key: Path) -> None:
    _openssl("pkey", "-in", str(pair[1]), "-aes256", "-passout", "pass:secret", "-out", str(key))


def _text(_pair: tuple[Path, Path], key: Path) -> None:
    key.write_text("no key", encoding="ascii")
    key.chmod(0o600)


@pytest.mark.parametrize(("spoil", "said"), [
    (_absent, "tls_key .*: cannot be read"), (_open_to_all, "found mode 0644, wanted 0600"),
    (_of_another, "do not fit each other"), (_locked, "do not fit each other .* without a passphrase"),
    (_text, "do not fit each other .*pem")])
def test_a_key_that_does_not_do_is_one_message(certificate, tmp_path, spoil, said):
    spoil(certificate, tmp_path / "key.pem")
    with pytest.raises(ParamsError, match=said):
        check_pair(certificate[0], tmp_path / "key.pem")


def test_the_command_says_it_before_it_opens_the_store(certificate, tmp_path):
    words = ["serve", "--port", "1", "--store", f"sqlite:///{tmp_path / 's.db'}", "--tls-certificate",
             str(certificate[0]), "--tls-key", str(tmp_path / "none.pem")]
    done = subprocess.run([OILCAN, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr.count("\n"), "Traceback" in done.stderr) == (1, 1, False)
    assert not (tmp_path / "s.db").exists()


def test_a_client_that_never_finishes_its_handshake_is_let_go(server):
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
                       for _ in range(2)]
        connections[1].sendall(b"\x16\x03\x01")
        assert [connection.recv(1) for connection in connections] == [b"", b""]
