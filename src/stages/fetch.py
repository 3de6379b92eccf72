"""Official address -> raw files: downloads what the contract names, or checks what is in place already.

Reads   the data-set contract, source.files and source.downloads
Params  none: the contract has everything
Writes  data/raw/<name>/, every file with the sha256 that the contract states
"""

from collections.abc import Sequence

from oilcan.io.raw_data import fetch
from oilcan.io.stage import stage, stage_inputs


def main(argv: Sequence[str] | None = None) -> None:
    """Bring the raw files of one data set."""
    args = stage.parse(__doc__, "contract", "out", argv=argv)
    contract = stage_inputs.read_contract(args.contract)

    downloaded = fetch.bring(contract, args.out)

    stage.report("fetch", files=len(contract.source.files), downloaded=downloaded)


if __name__ == "__main__":
    stage.run(main)
