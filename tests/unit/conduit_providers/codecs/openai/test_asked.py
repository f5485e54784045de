"""What a request says of the stream that answers it."""

import pytest

from conduit_providers.calls import Call
from conduit_providers.codecs.openai.asked import Asked, asked_by, asks_accounting
from conduit_providers.operations.chat import chat_request


def asked(members: bytes) -> Asked:
    """Return what a request says."""
    return asked_by(Call(chat_request(json=b"{%b}" % members), alias="a", model="m"))


@pytest.mark.parametrize(
    ("members", "choices"),
    [(b"", 1), (b'"n":3', 3), (b'"n":null', 1), (b'"n":"3"', 1), (b'"x":{"n":3}', 1),
     (b'"n":1.5', 1)],
)  # fmt: skip
def test_one_answer_is_asked_for_unless_more_are(members: bytes, choices: int) -> None:
    """Whatever else is called so."""
    assert asked(members).choices == choices


@pytest.mark.parametrize(
    ("members", "is_asked"),
    [
        (b'"usage":{"include":true}', True),
        (b'"usage":{"include":false}', False),
        (b'"usage":{"include":1}', False),
        (b'"usage":true', False),
        (b'"usage":null', False),
        (b'"messages":[{"content":"\\"usage\\":{\\"include\\":true}"}]', False),
        (b"", False),
    ],
)
def test_counts_may_be_asked_for_in_openrouters_way(members: bytes, *, is_asked: bool) -> None:
    """Nothing else asks for them here."""
    assert asks_accounting(asked(members)) is is_asked


@pytest.mark.parametrize("members", [b'"usage":1e999', b'"n":1e999', b'"usage":{"include":1e999}'])
def test_a_number_that_nobody_holds_asks_for_nothing(members: bytes) -> None:
    """It is the provider's to refuse, and breaks no answer off."""
    found = asked(members)
    assert (found.choices, asks_accounting(found)) == (1, False)
