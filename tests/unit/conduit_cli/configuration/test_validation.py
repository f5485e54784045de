"""A file is checked without any gateway."""

from pathlib import Path

from tests.unit.conduit_cli.configuration.test_applying import TEXT

from conduit_cli.configuration.file import ConfigFile
from conduit_cli.configuration.validation import problems_of

PATH = Path("gateway.yaml")


def test_what_a_fresh_gateway_would_take_is_right() -> None:
    """A key without a value may be in the gateway already, as may instances that prices name."""
    assert problems_of(ConfigFile(PATH, TEXT)) == []
    kept = TEXT.replace(", apiKey: sk-simulated", "")
    assert problems_of(ConfigFile(PATH, kept)) == []
    costs = "modelCosts: [{modelPattern: a, provider: There, costPerUnit: 1, priority: 2}]"
    assert problems_of(ConfigFile(PATH, costs)) == []


def test_all_that_is_wrong_is_found() -> None:
    """What things say, what they name, and what is there twice."""
    text = """
providers: [{name: A, providerType: Nobody}, {name: B, providerType: OpenAI, keys: {}}]
mappings: [{modelAlias: a, provider: A}, {modelAlias: a, provider: C}]
virtualKeys: [{name: a}, {name: A}]
modelCosts: [{provider: C}]
"""
    assert [each.path for each in problems_of(ConfigFile(PATH, text))] == [
        "providers[0].providerType",
        "providers[1].keys",
        "mappings[1].provider",
        "virtualKeys[1].name",
        "virtualKeys[1].name",
        "modelCosts[0].provider",
    ]
    [found] = problems_of(ConfigFile(PATH, "provders: []"))
    assert "has the section 'provders'" in found.message


def test_the_pages_example_is_right() -> None:
    """docs/configuration.md shows a file that can be applied."""
    page = (Path(__file__).parents[4] / "docs/configuration.md").read_text("utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert ConfigFile(PATH, text).provider_names == ["OpenAI Production", "Local"]
    assert problems_of(ConfigFile(PATH, text)) == []
