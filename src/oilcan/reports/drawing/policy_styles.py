"""Colour of each policy in every picture: a class of `page.css`."""

from typing import Final

STYLES: Final = {"model": "s0", "run_to_failure": "s1", "never": "s1", "periodic": "s2", "perfect": "s3",
                 "always": "s4", "error_codes": "s5", "limits": "s6", "age": "s7"}
