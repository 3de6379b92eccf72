"""What no commit may hold: large files, which belong under DVC, and private keys.

The sample store is the exception: it is the part of DVC's data that travels in git (decision 0090).

python -m tests.repo.committed_files FILES...
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

MOST_KB: Final = 500
SAMPLES: Final = "data/samples/files/"
_KEY: Final = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=:\s,-]{40}")


def breaches(files: Iterable[Path]) -> Iterator[str]:
    """One line for each file that must not be committed."""
    for file in files:
        content = file.read_bytes()
        if len(content) > MOST_KB * 1000 and SAMPLES not in file.as_posix():
            yield f"{file}: {len(content) / 1000:,.0f} kB (wanted {MOST_KB} kB at most). Put it under DVC."
        if _KEY.search(content):
            yield f"{file}: holds a private key. Take it out, and replace the key if it was ever pushed."


def main() -> int:
    """1 if a file must not be committed."""
    found = list(breaches(path for path in map(Path, sys.argv[1:]) if path.is_file() and not path.is_symlink()))
    sys.stderr.writelines(f"{line}\n" for line in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
