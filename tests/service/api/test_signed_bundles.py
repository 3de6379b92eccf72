"""Where `OILCAN_SIGNERS` names who may sign, the service loads a bundle only with their signature on its digest."""

import subprocess
from pathlib import Path

import pytest
from tests.service.api.conftest import repackaged

from oilcan.ground.errors import IntegrityError, OilcanError, ParamsError
from oilcan.io.bundle.bundle_folder import SEAL
from oilcan.io.bundle.signature import NAMESPACE, check_signature, signature_path
from oilcan.io.registry import bundle_store
from oilcan.serving.model.loaded_bundle import LoadedBundle


def digest_of(folder: Path) -> str:
    return (folder / SEAL).read_text(encoding="ascii").split()[0]


class Keys:
    """Two keys, of which the list of signers has Ada's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.signers = folder, folder / "signers"
        for name in ("Ada", "Eve"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
        self.signers.write_text(f"Ada {(folder / 'Ada.pub').read_text()}")

    def sign(self, bundle: Path, name: str = "Ada", *, purpose: str = NAMESPACE) -> None:
        with (bundle / SEAL).open("rb") as seal, signature_path(bundle).open("wb") as signature:
            subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", self.folder / name, "-n", purpose], stdin=seal,
                           stdout=signature, stderr=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Only its seal matters to a signature."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / SEAL).write_text(f"{'a' * 64}  manifest.json\n")
    return folder


def test_the_name_of_who_signed_is_known(keys, bundle):
    keys.sign(bundle)
    assert check_signature(bundle, digest_of(bundle), keys.signers) == "Ada"


def test_a_bundle_that_nobody_signed_is_refused(keys, bundle):
    with pytest.raises(IntegrityError, match=r"nobody signed this bundle \(found no bundle.sig.*make sign"):
        check_signature(bundle, digest_of(bundle), keys.signers)


@pytest.mark.parametrize(("name", "purpose", "digest", "words"), [
    ("Eve", NAMESPACE, "a", "the key that signed is not in"),
    ("Ada", "git", "a", "is not Ada's signature on bundle aaaa"),
    ("Ada", NAMESPACE, "b", "is not Ada's signature on bundle bbbb"),
])
def test_a_signature_by_another_person_for_another_purpose_or_on_another_bundle_is_refused(keys, bundle, name, purpose,
                                                                                           digest, words):
    keys.sign(bundle, name, purpose=purpose)
    with pytest.raises(IntegrityError, match=words):
        check_signature(bundle, digest * 64, keys.signers)


def test_a_signature_that_is_garbage_is_refused(keys, bundle):
    signature_path(bundle).write_text("a signature, honestly")
    with pytest.raises(IntegrityError, match="the key that signed is not in"):
        check_signature(bundle, digest_of(bundle), keys.signers)


def test_a_list_that_is_not_there_is_named(bundle, tmp_path):
    with pytest.raises(ParamsError, match=r"nowhere: no such file.*OILCAN_SIGNERS"):
        check_signature(bundle, digest_of(bundle), tmp_path / "nowhere")


def test_without_openssh_the_message_says_what_to_install(keys, bundle, monkeypatch, tmp_path):
    keys.sign(bundle)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OilcanError, match=r"ssh-keygen is not installed.*openssh-client"):
        check_signature(bundle, digest_of(bundle), keys.signers)


@pytest.mark.slow
def test_the_service_starts_and_switches_only_with_signed_bundles(keys, start, bundles):
    with pytest.raises(IntegrityError, match="nobody signed this bundle"):
        start(bundle=bundles / "first", signers=keys.signers)
    keys.sign(bundles / "first")
    client = start(bundle=bundles / "first", signers=keys.signers)
    for action in ("activate", "shadow"):
        refused = client.post(f"/v1/model/{action}", json={"bundle": "second"})
        assert refused.status_code == 422
        assert "nobody signed this bundle" in refused.json()["error"]["found"]
    keys.sign(bundles / "second")
    assert client.post("/v1/model/activate", json={"bundle": "second"}).status_code == 200
    assert client.get("/v1/model").json()["model"] == digest_of(bundles / "second")


@pytest.mark.slow
def test_a_signature_travels_with_its_bundle(keys, bundle_folder, tmp_path):
    source = repackaged(bundle_folder, tmp_path / "source/other")
    keys.sign(source)
    taken = bundle_store.fetch(str(source.parent), digest_of(source), tmp_path / "store", signed=True)
    assert LoadedBundle.load(taken, keys.signers).digest == digest_of(source)
