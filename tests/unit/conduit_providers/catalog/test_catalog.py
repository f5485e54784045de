"""The catalog: strict files, forgiving names, checked settings."""

from pathlib import Path
from typing import Any

import pytest

from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import InvalidRequest, ProviderTypeUnknown
from conduit_providers.catalog import load_catalog

CATALOG = load_catalog()
ACME = """
name = "Acme"
display_name = "Acme AI"
other_names = ["AcmeAI"]
base_url = "https://{region}.acme.example/v1"
sources = ["https://acme.example/docs"]
checked_on = "2026-11-23"
[auth]
kind = "bearer"
description = "A key"
[[settings]]
name = "region"
description = "Where"
is_required = true
[[settings]]
name = "tier"
description = "Which"
default = "standard"
[endpoints.chat]
codec = "openai_chat"
path = "/chat"
"""


def acme(tmp_path: Path, text: str = ACME) -> Path:
    """Write a folder with one type."""
    (tmp_path / "acme.toml").write_text(text)
    return tmp_path


def instance(**settings: str | bool | float | list[str]) -> Provider:
    """Return an instance of that type."""
    provider = Provider(name="My Acme", provider_type="Acme")
    provider.settings.update({**settings})
    return provider


@pytest.mark.parametrize("name", ["OpenAI", "openai", "MISTRALAI", "FireworksAI", "Azure"])
def test_types_are_found_in_any_spelling(name: str) -> None:
    """Case does not matter, and longer names are accepted."""
    assert CATALOG.find(name).name in {"OpenAI", "Mistral", "Fireworks", "AzureOpenAI"}


def test_unknown_type_suggests_near_names() -> None:
    """A typing error is met with what was likely meant."""
    with pytest.raises(ProviderTypeUnknown, match="OpenAI"):
        CATALOG.find("OpenIA")
    with pytest.raises(ProviderTypeUnknown, match="Anthropic, "):
        CATALOG.find("zzz")


@pytest.mark.parametrize(
    ("provider_type", "model", "operations"),
    [
        ("OpenAI", "gpt-4o-transcribe", ["converse", "transcribe"]),
        ("OpenAI", "whisper-1", ["converse", "transcribe", "translate"]),
        ("OpenAI", "gpt-image-2", ["image", "image_edit"]),
        ("AWS", "polly-neural", ["speak"]),
        ("AWS", "transcribe", ["converse", "transcribe"]),
        ("ElevenLabs", "scribe_v2", ["transcribe"]),
        ("ElevenLabs", "scribe_v2_realtime", ["converse", "transcribe"]),
        # The id of an agent.
        ("ElevenLabs", "agent_7", ["converse"]),
        ("Deepgram", "aura-2-thalia-en", ["speak"]),
        ("Deepgram", "anything", ["converse", "transcribe"]),
        # Nothing in its names says what a model is for.
        ("GoogleCloud", "anything", ["converse", "speak", "transcribe"]),
        ("Gone", "anything", []),
    ],
)
def test_a_model_is_for_what_its_name_says(
    provider_type: str, model: str, operations: list[str]
) -> None:
    """Lists are no operations of a model's."""
    assert CATALOG.operations_of(provider_type, model) == operations


def test_folder_of_the_operator_adds_a_type(tmp_path: Path) -> None:
    """One TOML file is a provider type, and shows in the API's list."""
    catalog = load_catalog(acme(tmp_path))
    shown = catalog.to_proto(catalog.find("acmeai"))
    assert shown.name == "Acme"
    assert [s.name for s in shown.settings] == ["region", "tier"]
    assert [o.name for o in shown.operations] == ["chat"]


def test_target_takes_settings_with_defaults(tmp_path: Path) -> None:
    """Places of the address are filled, and numbers and booleans become text."""
    catalog = load_catalog(acme(tmp_path))
    target = catalog.target(instance(region="eu-1"))
    assert target.base_url == "https://eu-1.acme.example/v1"
    assert target.settings == {"region": "eu-1", "tier": "standard"}
    assert catalog.target(instance(region=3, tier=True)).settings == {"region": "3", "tier": "true"}
    other = instance(region=1.5, tier=False)
    assert catalog.target(other).settings == {"region": "1.5", "tier": "false"}
    unsaid = instance(region="eu")
    unsaid.settings.update({"tier": None})
    assert catalog.target(unsaid).settings == {"region": "eu", "tier": "standard"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"region": "eu", "colour": "red"},
        {"region": ["eu"]},
        {"region": {"a": 1}},
        {"region": float("nan")},
        {"region": float("-inf")},
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A setting too few, too many or of the wrong type is the operator's error, and named."""
    with pytest.raises(InvalidRequest) as raised:
        load_catalog(acme(tmp_path)).target(instance(**settings))
    assert raised.value.metadata["field"].startswith("settings.")


def test_address_of_key_goes_before_that_of_instance() -> None:
    """The key's address wins over the instance's, which wins over the catalog's."""
    provider = Provider(name="P", provider_type="OpenAI", base_url="https://instance.example/v1/")
    key = KeyCredential(base_url="https://key.example/v1", organization="org", project="proj")
    assert CATALOG.target(provider).base_url == "https://instance.example/v1"
    target = CATALOG.target(provider, key)
    assert (target.base_url, target.organization, target.project) == (
        "https://key.example/v1",
        "org",
        "proj",
    )


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/",
        "https://",
        "https://u:p@a/",
        "https://a/?q=1",
        "https://a b/",
        "a.example",
        "http://a:x/",
    ],
)
def test_address_must_be_a_plain_url(url: str) -> None:
    """Anything but a plain http or https URL is refused."""
    with pytest.raises(InvalidRequest, match="base URL"):
        CATALOG.target(Provider(name="P", provider_type="OpenAI", base_url=url))


def test_type_without_address_needs_one_of_the_instance() -> None:
    """OpenAICompatible is nowhere by itself; Simulator is where the process says."""
    with pytest.raises(InvalidRequest, match="needs a base URL"):
        CATALOG.target(Provider(name="P", provider_type="OpenAICompatible"))
    catalog = load_catalog(base_urls={"simulator": "http://127.0.0.1:7777/v1"})
    target = catalog.target(Provider(name="P", provider_type="Simulator"))
    assert target.base_url == "http://127.0.0.1:7777/v1"
