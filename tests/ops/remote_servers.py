"""Real local servers for DVC remotes: S3 (moto), Azure (azurite), Google Cloud (an emulator), SSH (sshd), HTTP."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.ops.environments import azurite, environment
from tests.waiting import wait_until


@dataclass(frozen=True)
class Remote:
    """A remote as a team configures it.

    settings stand in .dvc/config, secrets in .dvc/config.local, and wrong are secrets that the server refuses.
    public is the address at which anybody may read, without any secret, or empty.
    """

    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    public: str = ""


@contextmanager
def s3(folder: Path) -> Iterator[Remote]:
    """Moto with access rights in force: one user may write, everybody may read."""
    port, programs = free_port(), environment("emulators")
    setup = folder / "setup.py"
    setup.write_text(_S3_SETUP)
    # the first four calls make the user and the bucket; from then on every call must carry a valid key
    with _server(folder, [programs / "moto_server", "-H", "127.0.0.1", "-p", port], port,
                 INITIAL_NO_AUTH_ACTION_COUNT="4"):
        address = f"http://127.0.0.1:{port}"
        made = subprocess.run([programs / "python", setup, address], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        key, secret = made.stdout.split()
        yield Remote({"url": "s3://plant/oilcan", "endpointurl": address, "region": "us-east-1"},
                     {"access_key_id": key, "secret_access_key": secret},
                     {"access_key_id": key, "secret_access_key": "guessed"}, f"{address}/plant/oilcan")


def let_anybody_ask_s3(remote: Remote) -> None:
    """Moto answers calls without a key only while it checks none; the bucket's policy holds even so."""
    answer = httpx.post(f"{remote.settings['endpointurl']}/moto-api/reset-auth", content="1000000", timeout=60)
    assert answer.status_code == 200


_S3_SETUP = """
import json, sys, boto3
def client(name, key="x", secret="x"):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key=secret)
def policy(**words):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | words]})
things = ["arn:aws:s3:::plant", "arn:aws:s3:::plant/*"]
iam = client("iam")
iam.create_user(UserName="writer")
key = iam.create_access_key(UserName="writer")["AccessKey"]
iam.put_user_policy(UserName="writer", PolicyName="write",
                    PolicyDocument=policy(Action=["s3:*"], Resource=things))
client("s3").create_bucket(Bucket="plant")
writer = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
writer.put_bucket_policy(Bucket="plant", Policy=policy(Principal="*", Action=["s3:GetObject"], Resource=things[1]))
print(key["AccessKeyId"], key["SecretAccessKey"])
"""


@contextmanager
def azure(folder: Path) -> Iterator[Remote]:
    """Azurite with a container whose blobs everybody may read."""
    port = free_port()
    # the key that Microsoft publishes for its emulator; it opens nothing else
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    address = f"http://127.0.0.1:{port}/devstoreaccount1"

    def connection(secret: str) -> dict[str, str]:
        return {"connection_string": f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={secret};"
                                     f"BlobEndpoint={address};"}

    command = [azurite(), "--skipApiVersionCheck", "--inMemoryPersistence", "--silent", "--blobHost", "127.0.0.1",
               "--blobPort", port]
    with _server(folder, command, port):
        program = ("import sys; from azure.storage.blob import BlobServiceClient as B; "
                   "B.from_connection_string(sys.argv[1]).create_container('plant', public_access='blob')")
        made = subprocess.run([environment("remotes") / "python", "-c", program, connection(key)["connection_string"]],
                              capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        yield Remote({"url": "azure://plant/oilcan"}, connection(key), connection("Z3Vlc3NlZA=="),
                     f"{address}/plant/oilcan")


@contextmanager
def google(folder: Path) -> Iterator[Remote]:
    """An emulator of Google Cloud Storage; it checks no credentials."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    program = environment("emulators") / "gcp-storage-emulator"
    with _server(folder, [program, "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"], port):
        assert httpx.post(f"{address}/storage/v1/b", json={"name": "plant"}, timeout=30).status_code == 200
        yield Remote({"url": "gs://plant/oilcan", "endpointurl": address}, {"allow_anonymous_login": "true"})


@contextmanager
def ssh(folder: Path) -> Iterator[Remote]:
    """The real sshd, for one key."""
    port = free_port()
    for name in ("host", "writer", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "allowed").write_bytes((folder / "writer.pub").read_bytes())
    (folder / "sshd.conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/allowed\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"Subsystem sftp internal-sftp\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    user = pwd.getpwuid(os.getuid()).pw_name
    with _server(folder, [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd.conf"], port):
        yield Remote({"url": f"ssh://{user}@127.0.0.1:{port}{folder}/store"}, {"keyfile": f"{folder}/writer"},
                     {"keyfile": f"{folder}/stranger"})


@contextmanager
def plain_folder(folder: Path) -> Iterator[Remote]:
    """A folder, which everybody may read by HTTP."""
    port = free_port()
    store = folder / "store"
    store.mkdir()
    command = [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", store]
    with _server(folder, command, port):
        yield Remote({"url": str(store)}, public=f"http://127.0.0.1:{port}")


@contextmanager
def _server(folder: Path, command: list[object], port: int, **extra: str) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("w") as stream, subprocess.Popen([str(word) for word in command], stdout=stream, stderr=stream,
                                                   env=os.environ | extra, cwd=folder) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(port), "the server never listened", seconds=120)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of this computer that nobody listens to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
