"""What cannot be read or judged is an alert or "cannot tell", never silence: `oilcan monitor` and `oilcan decide`."""

import hashlib
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from oilcan.cli import main
from oilcan.io.bundle import bundle_folder
from oilcan.io.stage import table_files
from oilcan.operations.watching.watch_request import EXIT

Fault = Callable[[Path], list[str]]


def sealed(bundle: Path, content: bytes | None) -> None:
    """Put another reference, or none, into a bundle as if it had been packaged so."""
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    if content is None:
        (bundle / bundle_folder.WATCH).unlink()
        del manifest["files"][bundle_folder.WATCH]
    else:
        (bundle / bundle_folder.WATCH).write_bytes(content)
        manifest["files"][bundle_folder.WATCH] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    raw = json.dumps(manifest).encode()
    (bundle / "manifest.json").write_bytes(raw)
    (bundle / "manifest.sha256").write_text(f"{hashlib.sha256(raw).hexdigest()}  manifest.json\n")


def edited(folder: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    for path in sorted((folder / "canonical/telemetry").glob("*.parquet")):
        table_files.write_table(edit(table_files.read_table(path)), path)


def nothing_after_the_reference(folder: Path) -> list[str]:
    edited(folder, lambda table: table[table["time"] < "2024-03-01"])
    return []


def no_reading_at_all(folder: Path) -> list[str]:
    edited(folder, lambda table: table.iloc[:0])
    return []


def a_store_that_is_not_there(folder: Path) -> list[str]:
    return ["--store", f"sqlite:///{folder}/nowhere/service.db"]


def a_database_that_does_not_answer(_folder: Path) -> list[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return ["--store", f"postgresql://oilcan@127.0.0.1:{port}/oilcan"]


def an_empty_store(folder: Path) -> list[str]:
    return ["--store", f"sqlite:///{folder}/empty.db"]


def a_damaged_reference(folder: Path) -> list[str]:
    (folder / "bundle" / bundle_folder.WATCH).write_bytes(b"broken")
    return []


def a_reference_that_no_longer_can_be_read(folder: Path) -> list[str]:
    sealed(folder / "bundle", b"broken")
    return []


def a_bundle_without_a_reference(folder: Path) -> list[str]:
    sealed(folder / "bundle", None)
    return []


def a_reference_of_another_contract(folder: Path) -> list[str]:
    reference = bundle_folder.load_bundle(folder / "bundle").watch_reference
    assert reference is not None
    sealed(folder / "bundle", replace(reference, contract_version=reference.contract_version + 1).to_bytes())
    return []


def a_reference_of_another_data_set(folder: Path) -> list[str]:
    reference = bundle_folder.load_bundle(folder / "bundle").watch_reference
    assert reference is not None
    sealed(folder / "bundle", replace(reference, dataset="another").to_bytes())
    return []


def no_bundle(folder: Path) -> list[str]:
    shutil.rmtree(folder / "bundle")
    return []


CANNOT_BE_READ: tuple[Fault, ...] = (
    nothing_after_the_reference, no_reading_at_all, a_store_that_is_not_there, a_database_that_does_not_answer,
    an_empty_store, a_damaged_reference, a_reference_that_no_longer_can_be_read, a_bundle_without_a_reference,
    a_reference_of_another_contract, a_reference_of_another_data_set, no_bundle)


@pytest.fixture
def folder(watched_plant: Path, tmp_path: Path) -> Path:
    """The plant's tables and bundle, to be damaged."""
    shutil.copytree(watched_plant / "data/canonical", tmp_path / "canonical")
    shutil.copytree(watched_plant / "models/bundle", tmp_path / "bundle")
    return tmp_path


def words(command: str, plant: Path, folder: Path, more: list[str]) -> list[str]:
    where = more if "--store" in more else ["--canonical", str(folder / "canonical"), *more]
    return [command, "--bundle", str(folder / "bundle"), "--rules", str(plant / "monitoring.yaml"), "--material",
            str(plant / "models/reference/material.npz"), *where]


@pytest.mark.parametrize("fault", CANNOT_BE_READ, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("command", ["monitor", "decide"])
def test_what_cannot_be_read_is_cannot_tell(
    watched_plant: Path, folder: Path, fault: Fault, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(command, watched_plant, folder, fault(folder))) == EXIT["unknown"]
    printed = capsys.readouterr()
    assert "cannot tell: " in printed.err
    assert printed.out.startswith("cannot_tell: ") or command == "monitor"


def a_clock_that_jumps(table: pd.DataFrame) -> pd.DataFrame:
    moved = (table["machine_id"] == "M002") & (table["time"] >= "2024-05-20")
    return table.assign(time=table["time"].mask(moved, table["time"] + pd.Timedelta(days=3000)))


def one_machine(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["machine_id"] == "M003") | (table["time"] < "2024-04-01")]


@pytest.mark.parametrize("edit", [a_clock_that_jumps, one_machine], ids=lambda edit: edit.__name__)
def test_what_is_odd_is_never_calm(watched_plant: Path, folder: Path, edit: Callable[[pd.DataFrame], pd.DataFrame],
                                   capsys: pytest.CaptureFixture[str]) -> None:
    edited(folder, edit)
    since = ["--since", "2024-05-06"]
    assert main(words("monitor", watched_plant, folder, since)) in (EXIT["alert"], EXIT["unknown"])
    main(words("decide", watched_plant, folder, since))
    assert "no alert is open" not in capsys.readouterr().out
