"""The stage wrapper, by real processes."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.waiting import wait_until

from oilcan.ground.errors import IntegrityError
from oilcan.io.stage import stage
from oilcan.io.stage.digests import dvc_md5
from oilcan.io.stage.dvc_files import find_stage, recorded_outputs
from oilcan.io.stage.stage import _Guard

PIPELINE = """
stages:
  copy:
    cmd: python copy.py ${dataset}
    deps:
    - data/${dataset}
    params:
    - copy
    outs:
    - out
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data/pumps").mkdir(parents=True)
    (tmp_path / "data/pumps/a.csv").write_text("1\n", encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "params.yaml").write_text("dataset: pumps\ncopy:\n  times: 1\n", encoding="utf-8")
    monkeypatch.setenv("DVC_STAGE", "copy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "elsewhere"))     # as in `dvc exp run --temp`
    return tmp_path


def test_templates_are_filled_from_params(root):
    entry = find_stage(root, "copy")
    assert (entry.deps, entry.cmd) == (("data/pumps",), "python copy.py pumps")


@pytest.mark.usefixtures("root")
def test_an_unchanged_input_passes():
    _Guard.of_this_stage().check_unchanged()


def test_an_input_edited_during_the_run_is_an_error(root):
    guard = _Guard.of_this_stage()
    (root / "data/pumps/a.csv").write_text("2\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match="data/pumps"):
        guard.check_unchanged()


def test_a_parameter_edited_during_the_run_is_an_error(root):
    guard = _Guard.of_this_stage()
    (root / "params.yaml").write_text("dataset: pumps\ncopy:\n  times: 2\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"params.yaml: copy"):
        guard.check_unchanged()


def test_an_input_that_is_not_the_recorded_output_is_an_error(root):
    (root / "dvc.lock").write_text(
        "stages:\n  make:\n    outs:\n    - path: data/pumps\n      md5: 0123.dir\n", encoding="utf-8")
    assert recorded_outputs(root) == {"data/pumps": "0123.dir"}
    with pytest.raises(IntegrityError, match=r"not what dvc\.lock records"):
        _Guard.of_this_stage()


def test_digests_of_folders_are_those_of_dvc(root):
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    dvc = Path(sys.executable).parent / "dvc"
    env = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}
    subprocess.run([dvc, "init", "-q"], cwd=root, check=True, env=env)
    (root / "data/pumps/sub").mkdir()
    (root / "data/pumps/sub/b é.csv").write_text("x\n", encoding="utf-8")
    subprocess.run([dvc, "add", "-q", "data/pumps"], cwd=root, check=True, env=env)
    recorded = (root / "data/pumps.dvc").read_text(encoding="utf-8")
    assert f"md5: {dvc_md5(root / 'data/pumps')}\n" in recorded


def _script(tmp_path: Path, body: str) -> Path:
    script = tmp_path / "script.py"
    script.write_text("from oilcan.io.stage import stage\n" + textwrap.dedent(body), encoding="utf-8")
    return script


def _outside_dvc() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}


def test_a_refusal_is_one_message_and_exit_code_1(tmp_path):
    script = _script(tmp_path, """
        from oilcan.ground.errors import DataError
        def main():
            raise DataError("here: wrong (found 1, wanted 2). Fix it.")
        stage.run(main)
    """)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=_outside_dvc(), check=False)
    assert (done.returncode, done.stderr) == (1, "error: here: wrong (found 1, wanted 2). Fix it.\n")


def test_a_bug_keeps_its_traceback(tmp_path):
    script = _script(tmp_path, "stage.run(lambda: 1 / 0)\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=_outside_dvc(), check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_a_full_disk_is_one_message(tmp_path):
    script = _script(tmp_path, """
        from pathlib import Path
        stage.run(lambda: Path("/dev/full").write_text("x" * 9999))
    """)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=_outside_dvc(), check=False)
    assert done.returncode == 1
    assert "no space left on the disk" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stage_dies_with_its_parent(tmp_path):
    script = _script(tmp_path, f"""
        import os, time
        def main():
            open({str(tmp_path / 'pid')!r}, "w").write(str(os.getpid()))
            time.sleep(60)
        stage.run(main)
    """)
    parent = subprocess.Popen([sys.executable, "-c",
                               f"import subprocess; subprocess.run([{sys.executable!r}, {str(script)!r}])"],
                              env=_outside_dvc())
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the stage never began")
    child = int((tmp_path / "pid").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not _runs(child), "the stage outlived its parent")


@pytest.mark.parametrize(("writer", "status"), [("parent", 0), ("stranger", 1)])
def test_a_stage_whose_dvc_has_ended_before_it_could_listen_ends_too(tmp_path, writer, status):
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    script = _script(tmp_path, "stage.die_with_parent()\nopen('wrote', 'w').close()\n")
    dvc = textwrap.dedent(f"""
        import os, subprocess, sys
        from dvc.fs import localfs
        from dvc.rwlock import rwlock
        with rwlock(".dvc/tmp", localfs, "dvc repro", [], ["out"], False):
            if "killed" in sys.argv:
                os._exit(0)                         # its note stays behind
            sys.exit(subprocess.run([sys.executable, {str(script)!r}]).returncode)
    """)
    environment = os.environ | {"DVC_STAGE": "copy"}
    command = [sys.executable, "-c", dvc]
    if writer == "stranger":
        subprocess.run([*command, "killed"], cwd=tmp_path, check=True)
        command = [sys.executable, script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert (tmp_path / "wrote").exists() == (status == 0)


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split()[2] != "Z"


def test_parse_takes_paths_by_name():
    args = stage.parse("doc", "telemetry", "out", argv=["t.parquet", "o.parquet"])
    assert (args.telemetry, args.out, args.params) == (Path("t.parquet"), Path("o.parquet"), Path("params.yaml"))
