"""What makes a right key, and what is shown of it."""

import pytest

from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.keys import MAX_API_KEY, api_key, key_fields, masked

SHOWN = {
    "env:OPENAI_API_KEY": "env:OPENAI_API_KEY",
    "file:/run/secrets/openai": "file:/run/secrets/openai",
    "identity": "identity",
    "sk-0123456789abcd": "…abcd",
    "1234567": "…",
    "12345678": "…5678",
    '{"accessKeyId": "AKIA12345678WXYZ", "secretAccessKey": "hidden"}': "…WXYZ",
    '{"token": "hidden"}': "…",
    '{"accessKeyId": {"hidden": 1}, "clientId": "app-0123456789"}': "…6789",
    '{"clientId": "short", "clientSecret": "hidden"}': "…",
    '{"client_email": null}': "…",
}
WRONG = {
    "": "must not be empty",
    "  ": "must not be empty",
    "hidden\nkey": "must have only printable ASCII characters",
    "hidden-ключ": "must have only printable ASCII characters",
    '{"hidden": ': "begins like JSON, but is none",
    '{"hidden": "\\ud800"}': "begins like JSON, but is none",
    "{" * 10_000: "begins like JSON, but is none",
    "{}": "must not be an empty object",
    "env:": "must be env: and the name of an environment variable",
    "env:hidden key": "must be env: and the name of an environment variable",
    "env:CONDUIT_hidden": "must not be a variable of Conduit's own",
    "env:HTTPS_PROXY": "must not be a variable of Conduit's own",
    "file:": "must be file: and the path of a file",
    "file: ": "must be file: and the path of a file",
    "file:/etc/\0hidden": "must not have control characters",
    "x" * (MAX_API_KEY + 1): "must have at most 65,536 characters",
}


@pytest.mark.parametrize(("value", "shown"), SHOWN.items(), ids=range(len(SHOWN)))
def test_what_is_shown_of_a_key_gives_nothing_away(value: str, shown: str) -> None:
    """References are no secrets; of a key in parts the part that names it is shown."""
    assert masked(api_key(f" {value}\n")) == shown


@pytest.mark.parametrize(("value", "problem"), WRONG.items(), ids=range(len(WRONG)))
def test_a_key_that_cannot_be_is_refused_without_being_quoted(value: str, problem: str) -> None:
    """Neither in the error nor in what it was raised from."""
    with pytest.raises(InvalidRequest) as caught:
        api_key(value)
    assert caught.value.message == f"apiKey {problem}"
    assert caught.value.metadata["field"] == "apiKey"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_file_may_have_any_name_that_is_one_line() -> None:
    """What is sent in a header is the file's content, not its name."""
    assert api_key("file:/run/secrets/ключ") == "file:/run/secrets/ключ"


def test_only_what_a_spec_gives_is_read() -> None:
    """An empty text is given, too: it takes a value back."""
    assert key_fields(KeyCredentialSpec()) == {}
    spec = KeyCredentialSpec(name=" Main ", organization="", is_enabled=False)
    assert key_fields(spec) == {"name": "Main", "organization": "", "is_enabled": False}
    spec = KeyCredentialSpec(
        api_key=" sk-1 ", provider_account_group="production", project="proj_1"
    )
    assert key_fields(spec) == {
        "api_key": "sk-1",
        "provider_account_group": "production",
        "project": "proj_1",
    }


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("name", "name"),
        ("provider_account_group", "providerAccountGroup"),
        ("organization", "organization"),
        ("project", "project"),
    ],
)
def test_an_error_has_the_fields_name_in_the_apis_spelling(field: str, said: str) -> None:
    """Values that go into headers cannot have a line's end in them."""
    spec = KeyCredentialSpec()
    setattr(spec, field, "a\r\nx-admin: 1")
    with pytest.raises(InvalidRequest) as caught:
        key_fields(spec)
    assert caught.value.metadata["field"] == said
