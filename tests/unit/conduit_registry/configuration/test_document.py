"""The document that a configuration is written to and read from."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_registry.configuration import document
from conduit_registry.configuration.document import read, write
from conduit_registry.values import FallbackChain, Key, ModelMapping, Provider, Step, VirtualKey

# What YAML takes for something else, or cannot have as it is.
ODD_TEXTS = (
    "yes",
    "no",
    "true",
    "null",
    "~",
    "1:30",
    "010",
    "0x1F",
    "1_000",
    "1e5",
    "1.5e3",
    "12",
    "-0.5",
    ".inf",
    ".nan",
    "2026-01-01",
    "<<",
    "=",
    "!tag",
    "*alias",
    "&anchor",
    "- a",
    "a: b",
    "a #b",
    "'\"",
    "\u0085x",
    "x\u2028y",
    "\ufeffx",
    "𝄞 ключ",
)


def provider(number: int = 1, name: str = "Main", **fields: object) -> Provider:
    """Return an instance."""
    return Provider(id=number, name=name, provider_type="OpenAI", **fields)  # type: ignore[arg-type] # whichever a test names


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    """As a name, in a list and in settings, whatever YAML would make of it."""
    written = write(
        [provider(name=text, settings={"resource": text})],
        [],
        [ModelMapping(id=1, model_alias=text, provider_id=1, actual_model_name=text)],
        [],
        [VirtualKey(id=1, name="ci", allowed_models=(text,))],
    )
    found = read(written)
    assert (found["providers"][0]["name"], found["providers"][0]["settings"]) == (
        text,
        {"resource": text},
    )
    assert found["mappings"][0]["modelAlias"] == text
    assert found["virtualKeys"][0]["allowedModels"] == [text]


def test_a_document_has_names_in_the_place_of_ids_and_no_secret() -> None:
    """Of a key only a reference is there; of a virtual key neither its value nor its hash."""
    text = write(
        [provider(7)],
        [
            Key(id=3, provider_id=7, masked_api_key="…abcd", ciphertext=b"sealed"),
            Key(id=4, provider_id=7, masked_api_key="env:OPENAI_API_KEY"),
        ],
        [ModelMapping(id=1, model_alias="fast", provider_id=7, actual_model_name="gpt-4o")],
        [FallbackChain(id=1, model_alias="fast", providers=(Step(7, 1, 30_000_000),))],
        [VirtualKey(id=1, name="ci", key_prefix="condt_abc", hash=b"hash", budget_nano_usd=10**18)],
    )
    found = read(text)
    first, second = found["providers"][0]["keys"]
    assert (first["id"], "apiKey" in first) == ("key_3", False)
    assert second["apiKey"] == "env:OPENAI_API_KEY"
    assert found["mappings"][0]["provider"] == "Main"
    [step] = found["fallbackChains"][0]["providers"]
    assert (step["provider"], step["priority"], step["timeout"]) == ("Main", 1, "30s")
    # More than a float can hold.
    assert found["virtualKeys"][0]["budget"] == "1000000000"
    for hidden in ("abcd", "sealed", "condt_", "hash", "providerId", "createdAt", "etag"):
        assert hidden not in text


def test_a_document_may_have_some_of_the_sections() -> None:
    """One that is there and empty is not one that is missing."""
    assert read("version: 1") == {}
    assert read("{}") == {}
    assert read("providers:\nmappings: []") == {"providers": [], "mappings": []}
    assert read("\ufeffproviders: [{name: a}]") == {"providers": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("0.03", 0.03),
        ("1.0e+20", 1e20),
        ("true", True),
        ("null", None),
        ("1:30", "1:30"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1:30.5", "1:30.5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("yes", "yes"),
        ("2026-01-01", "2026-01-01"),
        ("1:00" + ":00" * 100_000, "1:00" + ":00" * 100_000),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_plain_word_means_what_it_would_in_json_and_else_its_text(
    text: str, value: object
) -> None:
    """A weight of 010 is not eight, and one of 1:30 is not ninety: they are refused as texts."""
    assert read(f"providers: [{{x: {text}}}]") == {"providers": [{"x": value}]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a document as GET /api/config gives it"),
        ("- 1", "must be a document as GET /api/config gives it"),
        ("a: [", "is not right at line 2"),
        ("x: \0", "is not a YAML document"),
        ("a: b\n---\nc: d", "is not right at line 2"),
        ("[" * 21, "must not be nested deeper than 20"),
        ("[" * 100_000, "is not right at line 1"),
        ("a: &a [1]\nb: *a", "must not have aliases"),
        ("version: 1\nversion: 1", "is not right at line 2: a key is there twice"),
        ("version: 2", "must have the version 1"),
        ("version: true", "must have the version 1"),
        ("unknown: []", "has the section 'unknown'; there are providers, mappings"),
        ("1: []", "is not right at line 1: a key is there twice, or is no text"),
        ("providers: [{\n1: x}]", "is not right at line 2: a key is there twice, or is no text"),
        ("providers: [{null: x}]", "a key is there twice, or is no text"),
        ("providers: [{true: x}]", "a key is there twice, or is no text"),
        ("providers: [{[a]: x}]", "a key is there twice, or is no text"),
        ("providers: [{<<: {a: b}}]", "a key is there twice, or is no text"),
        ("providers: [{a: !!timestamp abc}]", "must not have tags"),
        ("providers: [{a: !!bool abc}]", "must not have tags"),
        ("providers: [{a: !!int ''}]", "must not have tags"),
        ("providers: [{a: !!python/name:os.system x}]", "must not have tags"),
        ("providers: !!set {a}", "must not have tags"),
        ("providers: [{a: " + "9" * 5000 + "}]", "is not a YAML document"),
        ("x" * (document.MAX_CHARS + 1), "must have at most 16,777,216 characters"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_no_such_document_is_refused(text: str, problem: str) -> None:
    """Before anything is built of it; the error says where, if that is known."""
    with pytest.raises(InvalidRequest) as caught:
        read(text)
    assert caught.value.message.startswith("yaml ")
    assert problem in caught.value.message
    assert caught.value.metadata["field"] == "yaml"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("section", ["1", "[1]", "{a: b}", "text", "[[a]]"])
def test_a_section_is_a_list_of_things(section: str) -> None:
    """The error names the section."""
    with pytest.raises(InvalidRequest, match=r"^mappings must be a list of things$") as caught:
        read(f"mappings: {section}")
    assert caught.value.metadata["field"] == "mappings"
