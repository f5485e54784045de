"""What discovery found is held against the mappings."""

from pathlib import Path

import pytest
import yaml
from tests.support.suite import Suite
from tests.unit.conduit_cli.configuration.conftest import Config

from conduit_cli.configuration.discovered import Discovered

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = """
providers:
- {name: Sim, providerType: Simulator, keys: [{name: k, apiKey: sk-simulated}]}
mappings:
- {modelAlias: echo, provider: Sim}
- {modelAlias: lost, provider: Sim, actualModelName: turned-off}
"""


async def test_models_that_came_and_went_are_told_and_approved(
    suite: Suite, config: Config, tmp_path: Path
) -> None:
    """The file that is written is looked at, and applied as any other."""
    made, path = tmp_path / "made.yaml", tmp_path / "new.yaml"
    assert (await config("apply", TEXT, "--yes")).exit_code == 0
    never_asked = await config("discovered", None)
    assert (never_asked.exit_code, never_asked.stdout) == (0, "Nothing differs.\n")
    [sim] = [
        each
        for each in (await suite.call("GET", "/api/providers"))["providers"]
        if each["name"] == "Sim"
    ]
    await suite.call("POST", f"/api/providers/{sim['id']}/discover")
    found = await config("discovered", None, "-o", str(made))
    assert found.exit_code == 2
    lines = found.stdout.splitlines()
    assert lines[0] == "gone: 'lost' by 'turned-off' of 'Sim' is not offered any more"
    new = [line for line in lines if line.startswith("new: 'Sim' offers 'embed")]
    assert new
    assert not any("'echo'" in line for line in lines)
    later = await config("discovered", None, "--since", "2100-01-01")
    assert [line.partition(":")[0] for line in later.stdout.splitlines()] == ["gone"]
    written = yaml.safe_load(made.read_text())
    assert len(written["mappings"]) == sum(line.startswith("new: ") for line in lines)
    path.write_text(made.read_text())
    assert (await config("apply", path.read_text(), "--yes")).exit_code == 0
    after = await config("discovered", None)
    assert [line.partition(":")[0] for line in after.stdout.splitlines()] == ["gone"]


async def test_models_that_will_be_turned_off_are_told() -> None:
    """With the day that the catalog knows."""
    mapping = {"modelAlias": "a", "provider": "P", "actualModelName": "m"}
    found = Discovered(retiring=[(mapping, "2027-01-22")])
    assert list(found.lines()) == ["retires: 'a' by 'm' of 'P' is turned off on 2027-01-22"]
