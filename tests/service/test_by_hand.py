"""What docs/serving.md tells a person to type works as printed."""

import re
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/serving.md"


@pytest.fixture
def curl(serve, small_repo) -> tuple[dict[str, str], str]:
    """A server in a clone, the environment to ask it from, and the commands; named in conftest.PROGRAMS."""
    server = serve(bundles=small_repo.path / "models")
    lines = re.search(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1]
    lines = lines.replace("localhost:8080", f"localhost:{server.port}").replace("curl -s ", "curl -fsS ")
    lines = re.sub(r"^(oilcan model \S+.*)$", rf"\1 --url {server.url}", lines, flags=re.M)
    return small_repo.environment(OILCAN_STORE=server.store), f"cd {small_repo.path}\n{lines}"


def test_every_command_does_what_it_says(curl):
    environment, lines = curl
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", lines], env=environment, capture_output=True, text=True,
                          check=False)
    assert (done.returncode, "error" in done.stderr) == (0, False), done.stdout + done.stderr
    said = done.stdout
    assert '"accepted":1' in said
    assert '"lineage":{' in said
    assert len(re.findall(r"model: \w{12} in service", said)) == 2
