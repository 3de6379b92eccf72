"""Words of a draft that exploration recommends, written into its text as marked guesses.

Only what is still open, or marked `guessed`, is written; what a person decided stays.
"""

import re
from collections.abc import Mapping
from typing import Final

from oilcan.contract import UNKNOWN

_GUESSED: Final = "guessed by `oilcan explore`"
_IN_A_TASK: Final = ("horizon", "lead_time", "cap")


def write_recommended(text: str, words: Mapping[str, str], why: Mapping[str, str]) -> tuple[str, list[str]]:
    """The draft with recommended words, and the names of those that were written.

    Parameters
    ----------
    text
        Of a contract, as `draft_contract` writes it: one line for each task, for `rows` and for `refractory`.
    words
        Name of a word -> its YAML: `horizon`, `lead_time`, `cap`, `windows`, `refractory`.
    why
        Name -> the evidence, for the comment.

    Examples
    --------
    >>> line = "  failure: {kind: failure_within, horizon: FILL_IN, lead_time: 1h}  # e.g. 72h; lead_time guessed"
    >>> print(write_recommended(line, {"horizon": "4d"}, {"horizon": "half is there then"})[0])
      failure: {kind: failure_within, horizon: 4d, lead_time: 1h}  # guessed by `oilcan explore`: half is there then
    """
    written: list[str] = []
    lines = [_line(line, words, why, written) for line in text.split("\n")]
    is_stated = any(re.match(r"\s*#?\s*refractory:", line) for line in lines)
    if "refractory" in words and not is_stated and re.search(r"kind: failure_within", text):
        while lines and not lines[-1].strip():
            lines.pop()
        lines += [f"refractory: {words['refractory']}  # {_GUESSED}: {why['refractory']}", ""]
        written.append("refractory")
    return "\n".join(lines), written


def _line(line: str, words: Mapping[str, str], why: Mapping[str, str], written: list[str]) -> str:
    content, _, comment = line.partition("  # ")
    is_task = re.search(r"\{kind: (failure_within|rul)\b", content) is not None
    is_rows = content.startswith("rows: {windows: [")
    if not (is_task or is_rows) or _GUESSED in comment:
        return line
    changed = []
    for word in (_IN_A_TASK if is_task else ("windows",)):
        place = re.search(rf"\b{word}: (\[[^\]]*\]|[^,}}]+)", content)
        is_open = place is not None and (UNKNOWN in place[1] or (f"{word} guessed" in comment or comment == "guessed"))
        if place is not None and is_open and word in words:
            content = content[: place.start(1)] + words[word] + content[place.end(1):]
            changed.append(word)
    written += changed
    return f"{content}  # {_GUESSED}: {'; '.join(why[word] for word in changed)}" if changed else line
