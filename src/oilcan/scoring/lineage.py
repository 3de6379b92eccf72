"""Where a bundle comes from: the facts for its manifest.

Only facts that follow from the bytes of its inputs. The git commit is left out, because it would change the bundle
with every commit, also with one that changes no input. The commits whose dvc.lock names these digests made it.
"""

from collections.abc import Mapping
from typing import Any

from oilcan.contract import Contract


def facts(contract: Contract, contract_sha256: str, description: Mapping[str, Any],
          inputs_md5: Mapping[str, str]) -> dict[str, Any]:
    """Entries of the manifest, except format, version and files.

    Parameters
    ----------
    description
        Content of models/model.json.
    inputs_md5
        Input of the stage -> the md5 that DVC records for it.
    """
    return {
        "dataset": contract.name,
        "thresholds": description["thresholds"],
        "forecasts": [entry["name"] for entry in description["forecasts"]],
        "libraries": description["libraries"],
        "lineage": {
            "contract_version": contract.version,
            "contract_sha256": contract_sha256,
            "plan_hash": description["plan_hash"],
            "trained_on": description["trained_on"],
            "inputs_md5": dict(inputs_md5),
        },
    }
