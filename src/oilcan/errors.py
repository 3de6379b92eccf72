"""What Oilcan refuses, one class per reaction of the caller.

Every message has the form *where: what is wrong (found, wanted). What to do.*

    OilcanError             base: printed as one message without traceback, exit code 1
    +-- ContractError       a data-set contract is wrong: edit datasets/<name>.yaml
    +-- ParamsError         params.yaml is wrong: edit it
    +-- DataError           the data break their contract: look at the files
    +-- IntegrityError      bytes are not what was recorded: restore or rerun
"""

from collections.abc import Sequence


class OilcanError(Exception):
    """A refusal of ours, with a message for people."""


class ContractError(OilcanError):
    """A data-set contract that cannot be used as written."""


class ParamsError(OilcanError):
    """A params.yaml that cannot be used as written."""


class DataError(OilcanError):
    """Data that break their contract or cannot carry the task."""


class IntegrityError(OilcanError):
    """Bytes that are not the recorded ones, or that changed while they were read."""


def bullet_list(where: str, breaches: Sequence[str]) -> str:
    """All breaches at once, one line each, under the place where they stand.

    Examples
    --------
    >>> print(bullet_list("params.yaml is not valid", ["seed: missing"]))
    params.yaml is not valid:
      - seed: missing
    """
    return "\n".join([f"{where}:", *(f"  - {breach}" for breach in breaches)])
