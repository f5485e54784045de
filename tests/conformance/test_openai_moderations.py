"""The official OpenAI SDK as a client of moderations, and Mistral's, of the same route."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.sdk_oracle import upstream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge, with a provider of each type behind it."""
    with upstream("OpenAI/moderate/plain") as first, upstream("Mistral/moderate/plain") as second:
        for kind, address, alias, model in (
            ("OpenAI", first.address, "omni-moderation-latest", "omni-moderation-latest"),
            ("Mistral", second.address, "judge", "mistral-moderation-latest"),
        ):
            made = await suite.call(
                "POST",
                "/api/providers",
                {"name": f"judges {kind}", "providerType": kind, "baseUrl": address},
            )
            await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
            mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": model}
            await suite.call("POST", "/api/model-provider-mappings", mapping)
        await suite.settled()
        async with AsyncOpenAI(
            base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
        ) as made:
            yield made


async def test_moderation(client: AsyncOpenAI) -> None:
    """Without a model's name, as the SDK allows; the SDK reads categories and scores."""
    answer = await client.moderations.create(input="I want to hurt them.")
    assert answer.results[0].flagged
    assert answer.results[0].categories.violence
    assert answer.results[0].category_scores.violence > 0.5
    assert answer.model == "omni-moderation-latest"


async def test_another_provider_says_whether_too(client: AsyncOpenAI) -> None:
    """Its categories are its own."""
    answer = await client.moderations.create(model="judge", input=["I want to hurt them."])
    assert answer.results[0].flagged
    assert answer.results[0].categories.model_extra is not None
    assert answer.results[0].categories.model_extra["violence_and_threats"] is True


async def test_pictures_go_to_who_has_eyes(client: AsyncOpenAI) -> None:
    """Others are not asked."""
    picture: Any = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    answer = await client.moderations.create(input=[picture])
    assert answer.results[0].flagged
    with pytest.raises(openai.BadRequestError):
        await client.moderations.create(model="judge", input=[picture])


async def test_what_says_nothing_is_refused(client: AsyncOpenAI) -> None:
    """With OpenAI's form."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.moderations.create(input=[])
    assert refused.value.param == "input"
