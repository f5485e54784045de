"""An environment that has keys of providers."""

import json
from pathlib import Path

import pytest

from conduit_cli.configuration.file import ConfigFile
from conduit_cli.configuration.validation import problems_of
from conduit_cli.importers.environment import imported, variables_of
from conduit_cli.importers.providers import ENVIRONMENT, LITELLM
from conduit_providers.catalog import load_catalog


def test_each_key_is_an_instance_that_is_asked_for_its_models() -> None:
    """Keys by reference; the first name of several counts."""
    env = {
        "OPENAI_API_KEY": "sk-canary",
        "GEMINI_API_KEY": "a",
        "GOOGLE_API_KEY": "b",
        "AZURE_OPENAI_API_KEY": "c",
        "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com/",
        "AWS_ACCESS_KEY_ID": "d",
        "AWS_REGION": "eu-west-1",
        "OLLAMA_HOST": "127.0.0.1:11434",
        "PATH": "/bin",
        "MISTRAL_API_KEY": "",
    }
    draft = imported(env)
    text = json.dumps(draft.document())
    assert "canary" not in text
    assert problems_of(ConfigFile(Path("made.yaml"), text)) == []
    assert [each["name"] for each in draft.providers] == [
        *("OpenAI", "Gemini", "AzureOpenAI", "Bedrock", "Ollama"),
    ]
    keys = [each["keys"][0]["apiKey"] for each in draft.providers[:4]]
    assert keys == [
        "env:OPENAI_API_KEY",
        "env:GEMINI_API_KEY",
        "env:AZURE_OPENAI_API_KEY",
        "identity",
    ]
    assert draft.providers[2]["baseUrl"] == "https://x.openai.azure.com"
    assert draft.providers[4]["baseUrl"] == "http://127.0.0.1:11434"
    assert [note.partition(":")[0] for note in draft.notes] == ["mappings"]


def test_what_lacks_something_is_said() -> None:
    """Azure's key leads nowhere by itself."""
    assert imported({"AZURE_API_KEY": "x"}).notes == [
        "AZURE_API_KEY: needs an address beside it, such as AZURE_OPENAI_ENDPOINT",
        "environment: has no key of a provider",
    ]


def test_a_file_of_variables_is_read_as_shells_do() -> None:
    """Comments, quotes, `export`, and lines that are none."""
    text = "# x\nexport A=1\nB='two words' \nC=\"x\" \nD=plain # comment\nnonsense\n1E=2\nF=a=b\n"
    assert variables_of(text) == {"A": "1", "B": "two words", "C": "x", "D": "plain", "F": "a=b"}


@pytest.mark.parametrize(
    "kind", sorted({k.kind for k in LITELLM.values()} | {k for k, _ in ENVIRONMENT})
)
def test_every_name_leads_to_a_type_of_the_catalog(kind: str) -> None:
    """A type that is renamed is not forgotten here."""
    assert kind in {spec.name for spec in load_catalog().specs}
