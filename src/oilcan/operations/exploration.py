"""Explore a data set from its raw files, without horizon, split or pipeline run; fill in what exploration decides."""

import os
from collections.abc import Callable
from pathlib import Path

from oilcan.core.draft.recommended_words import write_recommended
from oilcan.core.draft.unfinished import parse_unfinished
from oilcan.core.exploration.fleet_findings import Exploration, explore
from oilcan.core.exploration.fleet_record import machines_read, record
from oilcan.core.ingest import ingest
from oilcan.core.prepare.partitions import clean_readings
from oilcan.ground.time_units import in_unit
from oilcan.io.raw_data import reading
from oilcan.io.repository.repository_root import short
from oilcan.io.repository.whole_params import read_all_params
from oilcan.io.stage import files, stage_inputs
from oilcan.io.vega_bundle import vega_bundle
from oilcan.reports.exploration_page import page


def explore_data_set(root: Path, name: str, out: Path, *, say: Callable[[str], None]) -> Exploration:
    """Read the raw files of `name` by its contract, explore them, and write the page to `out`.

    Costs, horizon and the like may still be open in the contract. Labels are used whole: there is no split yet.

    Parameters
    ----------
    say
        Receives a line for people as each step ends.

    Raises
    ------
    ContractError, DataError
        If the contract does not say how to read the files, or a file cannot be read by it.
    """
    where = root / "datasets" / f"{name}.yaml"
    contract, still_open = parse_unfinished(stage_inputs.read_contract_text(where), short(where))
    params = read_all_params(root / "params.yaml")
    raw = root / "data/raw" / name
    say(f"{short(raw)}: reading")
    hash_key = os.environ.get("OILCAN_HASH_KEY", "").encode()
    canonical = ingest(reading.read_raw(contract, raw), contract, hash_key=hash_key)
    telemetry, _ = clean_readings(canonical.tables["telemetry"], contract, fill_periods=params.prepare.fill_gap_periods)
    say(f"{len(telemetry):,} readings of {telemetry['machine_id'].nunique():,} machines: exploring")
    chosen = machines_read(canonical.tables["machines"], len(telemetry), most=params.explore.max_readings)
    fleet = record(contract, telemetry, canonical.tables, None, chosen)
    found = explore(fleet, None, seed=params.explore.seed, still_open=still_open)
    files.write_text(page(found, vega_bundle()), out)
    return found


def fill_in(root: Path, name: str, found: Exploration) -> list[str]:
    """Write what exploration recommends into the contract where it is still open; the words that were written.

    Each carries `guessed` and its evidence as a comment, so that a person checks it.
    """
    where = root / "datasets" / f"{name}.yaml"
    words = {item.word: _yaml(item.value, found.fleet.unit) for item in found.recommendations}
    text, written = write_recommended(where.read_text(encoding="utf-8"), words,
                                      {item.word: item.why for item in found.recommendations})
    if written:
        files.write_text(text, where)
    return written


def _yaml(value: float | list[float], unit: str) -> str:
    """A length, or several, in the unit of the contract."""
    if isinstance(value, list):
        return f"[{', '.join(_yaml(one, unit) for one in value)}]"
    length = in_unit(value, unit)
    if unit == "h" and length >= 48 and length % 24 == 0:
        return f"{length / 24:g}d"
    return f"{length:g} cycles" if unit == "cycles" else f"{length:g}{'h' if unit in {'h', 'hours'} else unit}"
