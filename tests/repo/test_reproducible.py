"""Same inputs, same bytes; only what changed runs again; a pulled clone has nothing to do."""

import json

import pytest

pytestmark = pytest.mark.slow


def _ran(output: str) -> set[str]:
    return {line.split("'")[1].removeprefix("data/dvc.yaml:") for line in output.splitlines()
            if line.startswith("Running stage")}


def test_a_second_repro_has_nothing_to_do(small_repo):
    assert "Data and pipelines are up to date" in small_repo.run("dvc", "repro").stdout


def test_dvc_lock_is_byte_identical_on_a_fresh_checkout_under_awkward_circumstances(small_repo, bare_checkout):
    """A path with blanks and an umlaut, no home, files for the owner alone, few open files, another zone and hash."""
    place = bare_checkout.path.with_name("Werk Süd") / "öl kanne"
    place.parent.mkdir()
    bare_checkout.path.rename(place)
    checkout = type(bare_checkout)(place)
    awkward = "umask 077; ulimit -n 256; unset HOME; exec dvc repro"
    checkout.run("bash", "-c", awkward, PYTHONHASHSEED="7", OMP_NUM_THREADS="1", TZ="Asia/Kolkata", LANG="C")
    assert checkout.lock() == small_repo.lock()


@pytest.mark.parametrize("command", ["git worktree add -q {there}", "git clone -q --depth 1 file://{here} {there}"])
def test_a_worktree_and_a_shallow_clone_give_the_same_bytes(small_repo, tmp_path, command):
    small_repo.run(*command.format(here=small_repo.path, there=tmp_path / "there").split())
    there = type(small_repo)(tmp_path / "there")
    there.run("dvc", "config", "--local", "cache.dir", str(small_repo.path / ".dvc/cache"))
    there.run("dvc", "checkout", "--allow-missing")             # raw files of other data sets are not in this cache
    ran = there.run("dvc", "exp", "run", "-n", "ran_again", "--force", "--single-item", "package")
    assert "ran_again" in ran.stdout
    assert there.lock() == small_repo.lock()
    assert "Data and pipelines are up to date" in there.run("dvc", "repro").stdout


def test_a_changed_parameter_runs_only_what_lies_downstream(small_repo):
    small_repo.set_params(evaluate={"bootstrap": 21})
    # reference takes the promise of the alarms from evaluate; it comes out the same, so package has nothing to do
    assert _ran(small_repo.run("dvc", "repro").stdout) == {"evaluate", "reference", "review"}


def test_a_changed_module_runs_the_stages_that_import_it(small_repo):
    module = small_repo.path / "src/oilcan/core/prepare/labels.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# touched\n", encoding="utf-8")
    assert "prepare" in _ran(small_repo.run("dvc", "repro").stdout)


def test_after_push_a_clone_that_pulls_has_nothing_to_reproduce(small_repo, tmp_path):
    small_repo.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    small_repo.run("dvc", "config", "remote.store.verify", "true")
    small_repo.commit("a remote")
    small_repo.run("dvc", "push")
    missing = json.loads(small_repo.run("dvc", "data", "status", "--not-in-remote", "--json").stdout or "{}")
    assert not missing.get("not_in_remote")

    clone = small_repo.clone(tmp_path / "clone")
    clone.run("dvc", "pull")
    assert "Data and pipelines are up to date" in clone.run("dvc", "repro").stdout
    assert clone.lock() == small_repo.lock()


def test_a_corrupt_object_of_the_remote_is_not_taken_for_good(small_repo, tmp_path):
    small_repo.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    small_repo.run("dvc", "config", "remote.store.verify", "true")
    small_repo.commit("a remote")
    small_repo.run("dvc", "push")
    model = next(out for out in _outs(small_repo) if out["path"] == "models/model")
    store = tmp_path / "store/files/md5"
    listing = json.loads((store / model["md5"][:2] / model["md5"][2:]).read_text(encoding="utf-8"))
    part = next(entry["md5"] for entry in listing if entry["relpath"] == "served/forecasts.json")
    stored = store / part[:2] / part[2:]
    stored.chmod(0o644)
    stored.write_bytes(b"not the model")

    clone = small_repo.clone(tmp_path / "clone")
    assert clone.run("dvc", "pull", check=False).returncode != 0
    assert not (clone.path / "models/model/served/forecasts.json").exists()


def _outs(repo):
    import yaml

    lock = yaml.safe_load((repo.path / "dvc.lock").read_text(encoding="utf-8"))
    return [out for stage in lock["stages"].values() for out in stage["outs"]]
