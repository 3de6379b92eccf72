"""Birth certificates of edge nodes on the disk, so that data that follow them can be read after a restart.

The file of a node changes only when the birth is acknowledged, that is when everything before it is stored: what the
broker sends again after a kill either follows the births in the file, or was stored before.
"""

import base64
import hashlib
import json
from pathlib import Path

from oilcan.ground.errors import IntegrityError
from oilcan.io.stage import files


class BirthFiles:
    """One file an edge node: its birth and those of its devices, as they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[str, dict[str, bytes]]:
        """Edge node -> device -> payload of the birth; the node's own under ''.

        Raises
        ------
        IntegrityError
            If a file is not one that was written here.
        """
        births = {}
        for file in sorted(self._folder.glob("*.json")):
            try:
                content = json.loads(file.read_text(encoding="utf-8"))
                births[content["node"]] = {device: base64.b64decode(payload, validate=True)
                                           for device, payload in content["births"].items()}
            except (ValueError, LookupError, TypeError, AttributeError) as err:
                raise IntegrityError(f"{file}: is no file of births (found {err!r}). Remove it; the gateway then asks "
                                     f"the edge nodes for new births.") from err
        return births

    def write(self, node: str, births: dict[str, bytes]) -> None:
        """Replace the births of a node; without any the file goes."""
        file = self._folder / f"{hashlib.sha256(node.encode()).hexdigest()[:24]}.json"
        if not births:
            file.unlink(missing_ok=True)
            return
        encoded = {device: base64.b64encode(payload).decode("ascii") for device, payload in births.items()}
        files.write_json({"node": node, "births": encoded}, file)
