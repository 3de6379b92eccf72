"""The pipeline of Kubeflow from dvc.yaml: `make schedules` writes oilcan_retrain.yaml beside this file.

One task for each stage. A task clones the repository at a commit, runs the stage there with data from the DVC remote,
pushes what came out, and hands the new commit to the next task. So the pods share nothing but git and the remote, and
each sees the dvc.lock of the one before. A test builds the YAML again, and runs it: edit this file, never the YAML.
"""

from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler, dsl, kubernetes

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
IMAGE = "oilcan-work:latest"            # git, make and the core environment: docs/orchestrators.md
SECRET, SECRETS = "oilcan-retrain", "/secrets"


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def run_stage(repository: str, branch: str, secrets: str, commit: str, stage: str) -> str:
    """Run one stage at a commit; returns the commit with its results, which `branch` then names."""
    import pathlib
    import shutil
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        def call(*words: str) -> str:
            done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}")
            return done.stdout.strip()

        login = f"credential.helper=store --file={secrets}/git-credentials"
        call("git", "-c", login, "clone", "--quiet", "--no-checkout", repository, ".")
        call("git", "checkout", "--quiet", "--detach", commit)
        remotes = pathlib.Path(secrets, "dvc.config.local")
        if remotes.exists():
            shutil.copy(remotes, f"{folder}/.dvc/config.local")
        call("dvc", "repro", "--pull", "--single-item", stage)
        call("dvc", "push", "--quiet", "--run-cache", stage)
        call("git", "add", "--all")
        if call("git", "status", "--porcelain"):
            call("git", "commit", "--quiet", "--no-verify", "--message", f"Stage {stage}")
        call("git", "-c", login, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return call("git", "rev-parse", "HEAD")


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def check_gate(repository: str, branch: str, secrets: str, commit: str) -> str:
    """Fail unless the gate decided to promote."""
    import json
    import pathlib
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        login = f"credential.helper=store --file={secrets}/git-credentials"
        for words in (["git", "-c", login, "clone", "--quiet", "--no-checkout", "--branch", branch, repository, folder],
                      ["git", "-C", folder, "checkout", "--quiet", commit, "models/bundle.verdict.json"]):
            subprocess.run(words, check=True)
        verdict = json.loads(pathlib.Path(folder, "models/bundle.verdict.json").read_text(encoding="utf-8"))
    if verdict["decision"] != "promote":
        raise RuntimeError(f"gate: {verdict['decision']}: {'; '.join(verdict['reasons'])}")
    return verdict["decision"]


def stages() -> list[str]:
    """Stages of the chosen data set, each after those that write what it reads; ties in the order of dvc.yaml.

    `dvc repro` runs one stage at a time and writes dvc.lock after each, so the tasks stand in one line.
    """
    dataset = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["dataset"]
    entries: dict[str, dict[str, Any]] = {}
    for file, prefix in (("data/dvc.yaml", "data/dvc.yaml:"), ("dvc.yaml", "")):
        text = (ROOT / file).read_text(encoding="utf-8").replace("${dataset}", dataset)
        entries |= {prefix + name: entry for name, entry in yaml.safe_load(text)["stages"].items() if "cmd" in entry}
    writers = {path: name for name, entry in entries.items() for path in _written(entry)}
    before = {name: {writer for path, writer in writers.items() for dep in map(str, entry["deps"])
                     if dep == path or dep.startswith(f"{path}/") or path.startswith(f"{dep}/")} - {name}
              for name, entry in entries.items()}
    raw = {name for name in entries if name.startswith("data/")}
    unused = raw - set().union(*(before[name] for name in entries))
    order = TopologicalSorter({name: before[name] for name in entries if name not in unused})
    order.prepare()
    line, names = [], list(entries)
    while order.is_active():
        ready = sorted(order.get_ready(), key=names.index)
        line += ready
        order.done(*ready)
    return line


def _written(entry: dict[str, Any]) -> list[str]:
    listed = [path for key in ("outs", "metrics", "plots") for path in entry.get(key, [])]
    return [path if isinstance(path, str) else next(iter(path)) for path in listed]


def _task_of(task: dsl.PipelineTask, name: str) -> dsl.PipelineTask:
    kubernetes.use_secret_as_volume(task, secret_name=SECRET, mount_path=SECRETS)
    return task.set_display_name(name).set_caching_options(False).set_cpu_request("1").set_memory_limit("8G")


@dsl.pipeline(name="oilcan-retrain", description="The stages of dvc.yaml, one after the other, then the gate.")
def pipeline(repository: str, branch: str, commit: str, secrets: str = SECRETS) -> None:
    """The whole pipeline on the data that a commit records."""
    at: Any = commit
    for stage in stages():
        made = run_stage(repository=repository, branch=branch, secrets=secrets, commit=at, stage=stage)
        at = _task_of(made.set_retry(2), stage.rpartition(":")[2]).output
    _task_of(check_gate(repository=repository, branch=branch, secrets=secrets, commit=at), "gate")


if __name__ == "__main__":
    compiler.Compiler().compile(pipeline, str(HERE / "oilcan_retrain.yaml"))
