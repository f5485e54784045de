"""Callers who ask for more than they seem to ask for, with a key whose budget is hard."""

from typing import Any

import pytest
from tests.integration.suite.test_budgets import ask_at, day, key, price
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = "one two three four"
CHATS = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "paid", "messages": [{"role": "user", "content": WORDS}]}
COMPLETION: dict[str, Any] = {"model": "paid", "prompt": WORDS, "max_tokens": 4}
CONTENT: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": WORDS}]}]}
CONTENTS = "/v1beta/models/paid:generateContent"
FOUR = {"maxOutputTokens": 4}
# Each token that is written is a cent: four of them are within the budget, and twelve are not.
BUDGET_USD = 0.1
MANY = [
    (CHATS, CHAT | {"max_tokens": 4, "n": 3}),
    (CHATS, CHAT | {"max_tokens": 1, "max_completion_tokens": 12}),
    (CHATS, CHAT | {"max_tokens": 12, "max_completion_tokens": 1}),
    ("/v1/completions", COMPLETION | {"n": 3}),
    ("/v1/completions", COMPLETION | {"best_of": 3}),
    ("/v1/completions", COMPLETION | {"prompt": [WORDS] * 3}),
    (CONTENTS, CONTENT | {"generationConfig": FOUR | {"candidateCount": 3}}),
    (CONTENTS, CONTENT | {"generationConfig": FOUR, "generation_config": {"candidate_count": 3}}),
    (
        CONTENTS,
        CONTENT | {"generationConfig": FOUR, "generation_config": {"max_output_tokens": 12}},
    ),
    # More than any number of ours holds.
    (CHATS, CHAT | {"max_tokens": 10**18, "n": 10**18}),
    (
        CONTENTS,
        CONTENT | {"generationConfig": {"maxOutputTokens": 10**18, "candidateCount": 2**62}},
    ),
]
FEW = [
    (CHATS, CHAT | {"max_tokens": 4}),
    ("/v1/completions", COMPLETION),
    (CONTENTS, CONTENT | {"generationConfig": FOUR}),
]


async def test_what_is_asked_for_several_times_is_held_to_the_budget(gateway: Suite) -> None:
    """However it is said; nothing is asked of a provider, and the budget is there for the next."""
    await price(gateway)
    secret = await key(gateway, "evading", **day(BUDGET_USD, isHard=True))
    for path, body in MANY:
        answer = await ask_at(gateway.url, path, secret, body)
        assert answer.status_code == 402, (path, body, answer.text)
    for path, body in FEW:
        fresh = await key(gateway, f"fair {path}", **day(BUDGET_USD, isHard=True))
        answer = await ask_at(gateway.url, path, fresh, body)
        assert answer.status_code == 200, (path, answer.text)


# The last but one has the sign of Kelvin, which servers in Go take for `k` as well.
SPELT = ["N", "MAX_TOKENS", "Max_Completion_Tokens", "max_to\u212aens", "max_token\u017f"]


async def test_bounds_in_other_spellings_are_refused(gateway: Suite) -> None:
    """To callers whose use is limited: a server in Go would take them for what they resemble."""
    await price(gateway)
    limits = {"limits": {"tokensPerMinute": 10_000}}
    for name, bound in (("budget", day(BUDGET_USD, isHard=True)), ("limited", limits)):
        secret = await key(gateway, f"spelling {name}", **bound)
        for path, body in FEW[:2]:
            for spelling in SPELT:
                answer = await ask_at(gateway.url, path, secret, body | {spelling: 12})
                assert answer.status_code == 400, (path, spelling, answer.text)
                assert "did you mean" in answer.text
        answer = await ask_at(gateway.url, CHATS, secret, FEW[0][1] | {"X-Own": 12})
        assert answer.status_code == 200, answer.text
    answer = await ask_at(gateway.url, CHATS, gateway.virtual_key, CHAT | {"N": 12})
    assert answer.status_code == 200, answer.text
