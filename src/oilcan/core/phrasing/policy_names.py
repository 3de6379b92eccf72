"""What are the policies called, in words? One table for pages, pictures, the summary and the gate."""

from typing import Final

SIMPLE: Final = {
    "never": "run to failure",
    "run_to_failure": "run to failure",
    "periodic": "best planned interval",
    "always": "always alarm",
    "age": "age rule",
    "error_codes": "error-code rule",
    "limits": "sensor limits",
    "median_life": "median life",
}  # fmt: skip
NAMES: Final = {"model": "the forecast"} | SIMPLE | {"perfect": "perfect foresight"}


def name_of(policy: str) -> str:
    """The policy in words.

    Examples
    --------
    >>> name_of("error_codes"), name_of("my_rule")
    ('error-code rule', 'my rule')
    """
    return NAMES.get(policy, policy.replace("_", " "))
