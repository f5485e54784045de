"""A gateway's configuration is written as a file."""

from pathlib import Path

import pytest
import yaml
from tests.unit.conduit_cli.configuration.conftest import Config

from conduit_cli.configuration.file import ConfigFile

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_exported_has_all_sections(config: Config, tmp_path: Path) -> None:
    """Those without things are there and empty, so that `--prune` knows of them."""
    path = tmp_path / "out.yaml"
    assert (await config("export", None, "-o", str(path))).exit_code == 0
    text = path.read_text("utf-8")
    assert text.startswith("# The configuration of a Conduit gateway.")
    found = yaml.safe_load(text)
    assert list(found) == [
        *("version", "providers", "mappings", "fallbackChains", "virtualKeyGroups", "virtualKeys"),
        *("modelCosts", "webhooks"),
    ]
    assert [each["name"] for each in found["virtualKeys"]] == ["tests"]
    assert ConfigFile(path, text).listed == {"modelCosts": [], "webhooks": []}
