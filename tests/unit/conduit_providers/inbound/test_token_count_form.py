"""What a model would read, as a chat."""

from typing import Any

import orjson
import pytest

from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.inbound.token_count_form import token_count_answer, token_count_request
from conduit_providers.quantities import Quantities

Json = dict[str, Any]
SAID = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("members", "chat"),
    [
        ({"prompt": "hi"}, {"messages": SAID}),
        ({"messages": SAID, "prompt": None, "tools": TOOLS}, {"messages": SAID, "tools": TOOLS}),
        ({"messages": SAID, "top_k": 5}, {"messages": SAID, "top_k": 5}),
    ],
)
def test_a_text_is_what_the_user_says(members: Json, chat: Json) -> None:
    """Conversations are chats already."""
    form = token_count_request(json=orjson.dumps({"model": "m", **members}))
    found = form.chat(ANY_TERMS)
    assert orjson.loads(found.chat.json) == {"model": "m", **chat}
    assert form.chat(ANY_TERMS) is found


def test_a_count_says_whose_it_is() -> None:
    """And is charged to nobody."""
    answer = token_count_answer(7, "gpt")
    assert orjson.loads(answer.json) == {"count": 7, "model": "gpt", "is_estimate": False}
    assert answer.typed.count == 7
    assert answer.usage == Quantities()
