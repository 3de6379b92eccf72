"""One truth of what is in service: a tag; made in steps that can be repeated, and not to be forged or skipped."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.conftest import ROOT
from tests.ops.conftest import bundle_of, make

from oilcan.ground.errors import IntegrityError, OilcanError
from oilcan.io.bundle.signature import signature_path
from oilcan.io.registry import bundle_store
from oilcan.io.repository.git_plumbing import git, resolve
from oilcan.operations.governing import audit_log, model_status
from oilcan.operations.governing.candidate import candidate_at
from oilcan.operations.governing.champion_pin import pin_champion
from oilcan.operations.governing.promoted_card import card_of
from oilcan.operations.governing.promotion import promote, roll_back

AT = datetime(2026, 5, 1, tzinfo=UTC)


def put(registry, revision="HEAD", **more):
    return promote(registry.path, **{"approver": "Ada", "reason": "better", "at": AT, "revision": revision} | more)


def tags(registry):
    return git(registry.path, "tag", "--list").split()


def in_service(registry):
    found = model_status.standing(registry.path, "fleet")
    return found.version, found.bundle


def test_every_data_set_has_an_artifact():
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    assert sorted(artifacts) == sorted(file.stem for file in (ROOT / "datasets").glob("*.yaml"))


def test_a_promotion_is_tags_that_gto_and_dvc_read(registry, models, tmp_path):
    shutil.rmtree(registry.path / ".oilcan")         # the bytes come from DVC's cache then
    first = put(registry, "HEAD~1")
    second = put(registry, at=AT + timedelta(days=1), override=True)
    assert (first.version, second.version, second.tag) == ("v1.0.0", "v1.1.0", "fleet#production#6")
    assert tags(registry) == ["fleet#approved#2", "fleet#approved#5", "fleet#production#3", "fleet#production#6",
                              "fleet#reviewed#1", "fleet#reviewed#4", "fleet@v1.0.0", "fleet@v1.1.0"]
    shown = registry.run("gto", "show", "fleet").stdout
    assert "v1.1.0" in shown
    assert "production" in shown
    assert "production" in registry.run("gto", "history", "fleet").stdout
    registry.run("dvc", "push", "-q", "-r", "store", "--all-commits")
    got = tmp_path / "got"
    for words, wanted in ((("--stage", "production"), "second"), (("--rev", "v1.0.0"), "first")):
        registry.run("dvc", "artifacts", "get", str(registry.path), "fleet", *words, "-o", str(got / wanted))
        assert bundle_of(got / wanted) == bundle_of(models / wanted)
    assert model_status.faults(registry.path) == []


def test_no_checkout_changes_and_no_stage_gets_stale(registry):
    before = resolve(registry.path, "HEAD")
    put(registry)
    assert registry.run("git", "status", "--porcelain").stdout == ""
    assert resolve(registry.path, "HEAD") == before
    assert "up to date" in registry.run("dvc", "status").stdout


def test_the_log_tells_the_promotion(registry):
    put(registry)
    gate, approval, done = audit_log.entries(registry.path)
    assert (gate.kind, approval.kind, done.kind) == ("gate", "approval", "promotion")
    assert (approval.by, approval.why, approval.commit) == ("Ada", "better", resolve(registry.path, "HEAD"))
    assert approval.lock
    assert approval.detail["signature"] == "none"
    assert f"audit: {approval.hash}" in git(registry.path, "cat-file", "tag", "refs/tags/fleet@v1.0.0")


def test_training_time_and_energy_are_added_to_the_card_beside_the_bundle(registry, models):
    put(registry, "HEAD~1")
    unknown = card_of(registry.path, candidate_at(registry.path, "HEAD~1")).read_text()
    assert "not measured" in unknown
    assert "| approval | Ada | better | none |" in unknown
    run = {"seconds": 100.0, "cpu_s": 240.0, "is_whole": False}
    audit_log.append(registry.path, audit_log.Act("retrain", "t", "drift", bundle=bundle_of(models / "second"),
                                                  detail={"run": run}), at=AT)
    put(registry, override=True)
    approval = next(entry for entry in reversed(audit_log.entries(registry.path)) if entry.kind == "approval")
    assert approval.detail["training"] == run | {"energy_wh": 1.0, "core_watts": 15.0}
    card = card_of(registry.path, candidate_at(registry.path, "HEAD")).read_text()
    assert "at least 100 s, 240 processor seconds" in card
    assert "at least 1 Wh, estimated as processor seconds times 15 W" in card
    assert registry.run("git", "status", "--porcelain").stdout == ""


def test_a_promotion_again_changes_nothing(registry):
    first = put(registry)
    before = resolve(registry.path, "audit"), tags(registry)
    assert put(registry, at=AT + timedelta(days=3)) == first
    assert (resolve(registry.path, "audit"), tags(registry)) == before


def test_stages_can_be_entered_one_by_one(registry):
    assert put(registry, to="reviewed").tag == "fleet#reviewed#1"
    assert put(registry, to="approved").tag == "fleet#approved#2"
    assert in_service(registry) == (None, None)
    assert put(registry).tag == "fleet#production#3"
    assert model_status.faults(registry.path) == []


@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_what_the_gate_did_not_promote_gets_no_tag(registry, models, decision):
    make(registry, models / "third", decision=decision)
    with pytest.raises(OilcanError, match=f"the gate decided '{decision}' \\(made up for a test\\)"):
        put(registry)
    assert tags(registry) == []
    put(registry, override=True)
    assert audit_log.entries(registry.path)[1].detail["override"] is True


def test_what_was_compared_with_another_champion_is_refused(registry):
    put(registry, "HEAD~1")
    with pytest.raises(OilcanError, match=r"the gate compared it with None, but .* Run `oilcan champion`"):
        put(registry)


def test_the_next_review_compares_with_what_is_in_service(registry, models):
    put(registry, "HEAD~1")
    assert any("models/champion.json names no bundle" in each
               for each in model_status.standing(registry.path, "fleet").notes)
    note = pin_champion(registry.path)
    assert note.bundle == bundle_of(models / "first") == bundle_of(registry.path / "models/champion")
    assert model_status.standing(registry.path, "fleet").notes == ()
    registry.commit("the champion")
    make(registry, models / "third", champion=note.bundle)
    assert put(registry).version == "v1.1.0"


def policy(registry, **rules):
    file = registry.path / "gate.yaml"
    values = yaml.safe_load(file.read_text())
    values["approval"] |= rules
    file.write_text(yaml.safe_dump(values))
    registry.commit("another policy")


def test_the_approver_is_not_the_author_where_the_policy_says_so(registry):
    policy(registry, not_author=True)
    for name in ("t", "T", "t@localhost"):
        with pytest.raises(OilcanError, match=r"is the author of the commit .*Ask another person"):
            put(registry, approver=name)
    assert put(registry, approver="Ada").version == "v1.0.0"


def test_no_approver_is_no_approval(registry):
    with pytest.raises(OilcanError, match="no approver is named"):
        put(registry, approver=" ")


def test_a_signed_approval_is_made_and_checked(registry, tmp_path):
    policy(registry, signed=True)
    with pytest.raises(OilcanError, match="must be signed, and git has no key"):
        put(registry)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    (tmp_path / "signers").write_text("eve@localhost " + (tmp_path / "key.pub").read_text())
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(tmp_path / "key.pub")),
                        ("gpg.ssh.allowedSignersFile", str(tmp_path / "signers"))):
        registry.run("git", "config", name, value)
    put(registry)
    assert audit_log.entries(registry.path)[1].detail["signature"] == "ssh"
    assert model_status.faults(registry.path) == []
    assert "production" in registry.run("gto", "show", "fleet").stdout
    (tmp_path / "signers").write_text("")
    assert any("ssh signature is not confirmed" in fault for fault in model_status.faults(registry.path))


def forge(registry, name, message="x", commit="HEAD"):
    git(registry.path, "tag", "-a", "-f", "-m", message, name, commit)


def test_a_forged_tag_is_found(registry):
    put(registry, "HEAD~1")
    forge(registry, "fleet#production#9")
    found = model_status.faults(registry.path)
    assert any(fault.startswith("tag fleet#production#9: forged (its message names no entry") for fault in found)
    assert any(fault.startswith("tag fleet#production#9: skipped reviewed, approved, a version") for fault in found)
    assert any("forged" in trouble for trouble in model_status.standing(registry.path, "fleet").troubles)


def test_a_light_tag_is_found(registry):
    git(registry.path, "tag", "fleet#production#9")
    assert any(fault.startswith("tag fleet#production#9: forged (") for fault in model_status.faults(registry.path))


def test_a_copied_message_is_found(registry):
    put(registry, "HEAD~1")
    message = git(registry.path, "tag", "--list", "--format=%(contents)", "fleet#production#3")
    forge(registry, "fleet#production#9", message)
    assert any("tag fleet#production#9: forged (entry" in fault for fault in model_status.faults(registry.path))


def test_a_moved_tag_is_found(registry):
    put(registry, "HEAD~1")
    message = git(registry.path, "tag", "--list", "--format=%(contents)", "fleet#production#3")
    forge(registry, "fleet#production#3", message)
    assert any("tag fleet#production#3: moved or forged" in fault for fault in model_status.faults(registry.path))


def test_a_deleted_tag_is_found(registry):
    put(registry)
    git(registry.path, "tag", "-d", "fleet#approved#2")
    found = model_status.faults(registry.path)
    assert any("tag fleet#approved#2: deleted or not fetched" in fault for fault in found)
    assert any("tag fleet#production#3: skipped approved" in fault for fault in found)


def test_a_log_cut_before_the_approval_is_found_by_the_tags(registry):
    put(registry)
    git(registry.path, "update-ref", "refs/heads/audit", "audit~2")
    git(registry.path, "update-ref", "refs/oilcan/audit", "audit")        # the local witness is cut as well
    assert any("tail is cut: tag fleet#production#3" in fault for fault in model_status.faults(registry.path))


def test_a_bundle_that_is_not_the_committed_one_is_refused(registry, models):
    make(registry, models / "third")
    file = registry.path / "models/bundle.verdict.json"
    file.write_text(file.read_text().replace(bundle_of(models / "third"), bundle_of(models / "first")))
    registry.commit("a verdict on another bundle")
    with pytest.raises(IntegrityError, match="is not the bundle of commit"):
        put(registry)
    assert tags(registry) == []


def test_a_version_is_new_in_its_first_number_when_the_contract_is(registry, models):
    put(registry)
    contract = registry.path / "datasets/fleet.yaml"
    contract.write_text(contract.read_text().replace("version: 1", "version: 2"))
    make(registry, models / "third")
    assert put(registry, override=True).version == "v2.0.0"


# rollback

def three(registry, models):
    make(registry, models / "third")
    return [put(registry, f"HEAD~{back}", override=True, at=AT + timedelta(hours=3 - back)) for back in (2, 1, 0)]


def back(registry, **more):
    return roll_back(registry.path, dataset="fleet", by="Ben", reason="alarms rose", at=AT + timedelta(days=1), **more)


def test_a_rollback_is_one_command(registry, models):
    first, second, _ = three(registry, models)
    assert (back(registry).version, in_service(registry)) == (second.version, (second.version, second.bundle))
    assert back(registry).version == first.version
    with pytest.raises(OilcanError, match="fleet has no version before that was in service"):
        back(registry)
    assert back(registry, to="v1.2.0").version == "v1.2.0"
    with pytest.raises(OilcanError, match=r"no v9.0.0 that was in service \(found v1.0.0, v1.1.0, v1.2.0\)"):
        back(registry, to="v9.0.0")
    assert [entry.kind for entry in audit_log.entries(registry.path)][-6:] == ["rollback"] * 6
    assert model_status.faults(registry.path) == []
    shown = registry.run("gto", "show", "fleet#production").stdout
    assert "v1.2.0" in shown


# kill -9 between any two steps

_RUN = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from oilcan.operations.governing.promotion import promote, roll_back
left = int(sys.argv[2])
def say(step):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
root, at = Path(sys.argv[1]), datetime(2026, 6, 1, tzinfo=UTC)
if sys.argv[3] == "promote":
    promote(root, approver="Ada", reason="better", at=at, say=say, override=True)
else:
    roll_back(root, dataset="fleet", by="Ada", reason="worse", at=at, say=say)
"""


@pytest.mark.parametrize("act", ["promote", "rollback"])
def test_a_kill_between_any_two_steps_is_made_good_by_the_next_run(registry, act):
    """Kill before step 0, run to the next step, kill there, and so on: each run goes on where the last one ended."""
    put(registry, "HEAD~1")
    if act == "rollback":
        put(registry, override=True)
    untouched = in_service(registry)
    steps = 0
    while True:
        done = subprocess.run([sys.executable, "-c", _RUN, str(registry.path), str(steps), act], check=False,
                              env=os.environ, capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        version, bundle = in_service(registry)
        assert (version, bundle) == untouched or version in {"v1.0.0", "v1.1.0"}
        assert all("interrupted" in fault for fault in model_status.faults(registry.path))
        steps += 1
    assert steps == {"promote": 8, "rollback": 3}[act]
    assert model_status.faults(registry.path) == []
    assert in_service(registry)[0] == {"promote": "v1.1.0", "rollback": "v1.0.0"}[act]
    kinds = [entry.kind for entry in audit_log.entries(registry.path)]
    assert kinds.count("promotion") == 2
    assert len(tags(registry)) == {"promote": 8, "rollback": 9}[act]


# bundles by digest

def test_a_bundle_comes_from_a_folder_a_web_server_or_a_dvc_repository(registry, tmp_path):
    (registry.path / "models/bundle.sig").write_text("signed by Ada\n")
    registry.commit("a signature")
    made = put(registry)
    folder = registry.path / ".oilcan/bundles"
    words = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(folder)]
    server = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = server.stdout.readline().split("port ")[1].split()[0]
        for number, source in enumerate((str(folder), f"http://127.0.0.1:{address}", f"dvc:{registry.path}")):
            home = tmp_path / f"home{number}"
            home.mkdir()
            got = bundle_store.fetch(source, made.bundle, home, revision=made.tag)
            assert bundle_of(got) == made.bundle
            assert (home / f"{made.bundle}.verdict.json").is_file()
            assert bundle_store.fetch("nowhere", made.bundle, home) == got      # it is there: nothing is fetched
            signature = signature_path(got)
            signature.unlink(missing_ok=True)
            bundle_store.fetch(source, made.bundle, home, revision=made.tag, signed=True)
            assert signature.read_text() == "signed by Ada\n"
        (folder / made.bundle / "plan.json").write_text("{}")
        for number, source in enumerate((str(folder), f"http://127.0.0.1:{address}")):
            with pytest.raises(IntegrityError, match=r"plan.json: sha256 is"):
                bundle_store.fetch(source, made.bundle, tmp_path / f"other{number}")
            assert not (tmp_path / f"other{number}" / made.bundle).exists()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    with pytest.raises(OilcanError, match="does not have bundle 0000"):
        bundle_store.fetch(str(Path(folder)), "0" * 64, tmp_path / "none")
