"""After a merge with conflicts: what people resolve, and what the pipeline makes again.

dvc.lock, metrics, plots and reports are outputs. In a conflict git keeps our side of them whole (`-merge` in
.gitattributes), and `dvc repro` makes them anew once parameters, contracts and code are resolved.
"""

from pathlib import Path
from typing import Final

from oilcan.ground.errors import OilcanError, bullet_list
from oilcan.io.repository.git_plumbing import git

_MADE: Final = ("dvc.lock", "data/dvc.lock", "metrics/", "plots/", "reports/", "models/model.json")


def take_our_outputs(root: Path) -> list[str]:
    """Resolve conflicts in outputs by our side; returns their paths.

    Raises
    ------
    OilcanError
        If files that people write are in conflict; nothing is changed then.
    """
    lines = git(root, "ls-files", "--unmerged", "-z").split("\0")
    stages: dict[str, set[str]] = {}
    for line in filter(None, lines):
        head, _, path = line.partition("\t")
        stages.setdefault(path, set()).add(head.split()[2])
    by_hand = sorted(path for path in stages if not path.startswith(_MADE))
    if by_hand:
        raise OilcanError(bullet_list("git: files that people write are in conflict. Resolve them, `git add` them, "
                                      "then run `oilcan doctor --merge` again", by_hand))
    for path, sides in stages.items():
        if "2" in sides:                            # our side has the file
            git(root, "checkout", "--ours", "--", path)
            git(root, "add", "--", path)
        else:
            git(root, "rm", "--quiet", "--force", "--", path)
    return sorted(stages)
