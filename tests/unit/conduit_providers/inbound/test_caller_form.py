"""Requests in callers' dialects, and the chats that ask for the same."""

import pytest

from conduit_providers.inbound.caller_form import translation_of
from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.inbound.message_form import MessageForm, message_request
from conduit_providers.inbound.response_form import ResponseForm, response_request

MESSAGE = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}'
RESPONSE = b'{"model":"m","input":"hi"}'
Form = MessageForm | ResponseForm


@pytest.mark.parametrize("form", [message_request(json=MESSAGE), response_request(json=RESPONSE)])
def test_each_dialect_becomes_a_chat_once_for_each_terms(form: Form) -> None:
    """Attempts at several providers share it."""
    found = translation_of(form, ANY_TERMS)
    assert found is translation_of(form, ANY_TERMS)
    assert found is not translation_of(form, ANY_TERMS._replace(takes_effort=False))
    assert found.chat.typed.messages[0].content[0].text == "hi"


def test_requests_share_no_translations() -> None:
    """Two that were held alike are two."""
    first, second = response_request(json=RESPONSE), response_request(json=RESPONSE)
    assert translation_of(first, ANY_TERMS) is not translation_of(second, ANY_TERMS)
