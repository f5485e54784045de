"""Known secrets are taken out of providers' words."""

import json

import pytest
from tests.support.nonsense import deep

from conduit_kernel.errors import UpstreamError
from conduit_providers.redaction import Redactor


@pytest.mark.parametrize("secret", ["hunter2-team-key", "a/b.c+d==", "sk-0123456789"])
def test_secret_is_replaced_wherever_it_stands(secret: str) -> None:
    """In the message, in what goes with it, and in the exception's own text."""
    error = UpstreamError(f"Key {secret}, {secret}", upstream_code=f"bad:{secret}")
    Redactor(secret).clean(error)
    assert error.message == str(error) == "Key [redacted], [redacted]"
    assert error.metadata == {"upstream_code": "bad:[redacted]"}


def test_secret_members_of_json_are_replaced_one_by_one() -> None:
    """Its addresses and kinds are nothing to hide."""
    secret = json.dumps(
        {
            "type": "service_account",
            "accessKeyId": "AKIA0123",
            "source_credentials": {"private_key": "-----BEGIN", "token_uri": "https://x.example"},
        }
    )
    received = Redactor(secret).text("service_account AKIA0123 -----BEGIN https://x.example")
    assert received == "service_account [redacted] [redacted] https://x.example"


@pytest.mark.parametrize("end", ["", "…", "..."])
def test_secret_that_a_text_ends_inside_of_is_replaced(end: str) -> None:
    """A shortened text may show most of it."""
    assert Redactor("hunter2-team-key").text(f"you sent hunter2-te{end}") == "you sent [redacted]"


@pytest.mark.parametrize("secret", ["", "none", "EMPTY"])
def test_stand_ins_are_left(secret: str) -> None:
    """Servers that want no key are given words of every other message."""
    assert Redactor(secret).text("EMPTY answer, there is none") == "EMPTY answer, there is none"


def test_redactor_shows_nothing() -> None:
    """Not even to those who print it."""
    assert "hunter2" not in repr(Redactor("hunter2-team-key"))


def test_a_secret_that_is_nested_too_deep_is_kept_whole() -> None:
    """It is no credential that anybody knows; neither reader nor search gives up on it."""
    secret = deep(900, b'"sk-none-0123456789"').decode()
    assert secret not in Redactor(secret).text(f"no such key: {secret}")


def test_stand_ins_are_left_in_answers() -> None:
    """They are words that a model may say; errors are another matter."""
    assert Redactor("lm-studio").answers is None
    assert Redactor("lm-studio").covered(b"by lm-studio") == b"by lm-studio"
    assert Redactor("lm-studio").text("by lm-studio") == "by [redacted]"


@pytest.mark.parametrize("frame", ['{"a":"hunter2-team-key"}', b"\x01hunter2-team-key\x02"])
def test_messages_of_sessions_are_covered(frame: str | bytes) -> None:
    """Texts and bytes, which stay what they are; others are passed as they came."""
    redactor, other = Redactor("hunter2-team-key"), "plain"
    covered = redactor.frame(frame)
    assert type(covered) is type(frame)
    assert "hunter2" not in str(covered)
    assert redactor.frame(other) is other


def test_access_tokens_are_as_secret_as_their_key() -> None:
    """The latest ones are; older ones have long expired."""
    redactor = Redactor("hunter2-team-key")
    tokens = [f"token-number-{number}" for number in range(9)]
    for token in (*tokens, tokens[-1]):
        redactor.learn(token)
    assert redactor.covered(b"a hunter2-team-key " + tokens[-1].encode()).count(b"[redacted]") == 2
    assert redactor.text(f"a {tokens[-2]} b") == "a [redacted] b"
    assert redactor.text(f"a {tokens[0]} b") == f"a {tokens[0]} b"


@pytest.mark.parametrize("spelt", ["a%2Fb%2Bc%3D9", "a\\/b+c=9", "a/b\\u002Bc=9", "a%2fb%2bc%3d9"])
def test_errors_are_clean_of_other_spellings(spelt: str) -> None:
    """Those of JSON and of URLs."""
    assert Redactor("a/b+c=9").text(f"no {spelt} here") == "no [redacted] here"
