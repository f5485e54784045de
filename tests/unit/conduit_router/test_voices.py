"""Providers' lists of voices: kept for a while, fetched once, by the first key that is good."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conduit.v1.voice_pb2 import Voice
from conduit_kernel.errors import InvalidApiKey, UpstreamTimeout
from conduit_providers.codec import ListedVoice, VoicePage
from conduit_providers.redaction import Redactor
from conduit_providers.wire import HttpRequest
from conduit_router.voices import FAILURE_SECONDS, KEPT_SECONDS, MAX_KEYS, MAX_PAGES, VoiceLists

SECRET = "sk-secret-0123456789"


class Provider:
    """A provider without a socket: answers by key, after as many pages as it is told."""

    def __init__(self, pages: int = 1) -> None:
        self.now = 0.0
        self.pages = pages
        self.asked: list[str] = []
        self.bad: set[str] = set()
        self.hangs = False

    async def ask(self, upstream: Any, *_: object) -> tuple[str, None]:  # noqa: ANN401 # a stand-in's
        """Answer as the transport would."""
        self.asked.append(upstream.key_id)
        if self.hangs:
            await asyncio.Event().wait()
        if upstream.key_id in self.bad:
            raise InvalidApiKey(f"The key {SECRET} is not good")
        return upstream.key_id, None

    def to_upstream(self, *_: object) -> HttpRequest:
        """Ask for the first page."""
        return HttpRequest("GET", "/1")

    def from_upstream(self, answer: str, _: object) -> VoicePage:
        """Return a page with one voice."""
        number = len(self.asked)
        following = "/next" if number < self.pages else ""
        return VoicePage([ListedVoice(Voice(id=f"{answer}-{number}"))], following)


def instance_of(provider: Provider, *keys: str) -> Any:  # noqa: ANN401 # as above
    """Return an instance with keys."""

    def key(name: str) -> SimpleNamespace:
        upstream = SimpleNamespace(
            key_id=name, provider_name="P", target=None, redactor=Redactor(SECRET), name=name
        )
        place = _Place(upstream)
        return SimpleNamespace(provider_name="P", endpoint=lambda _: place)

    return SimpleNamespace(
        provider=SimpleNamespace(name="P"),
        spec=None,
        served={"voices": SimpleNamespace(codec=provider, endpoint=None)},
        keys=tuple(map(key, keys)),
    )


class _Place:
    """An upstream target: equal to itself alone."""

    def __init__(self, facts: SimpleNamespace) -> None:
        self.__dict__.update(facts.__dict__)


def lists_of(provider: Provider) -> VoiceLists:
    """Return lists by a clock that the provider has."""
    return VoiceLists(cast("Any", provider), lambda: provider.now)


async def test_a_list_is_good_for_a_while() -> None:
    """Then it is asked for again, and what nobody asked for is let go."""
    provider = Provider()
    lists, instance = lists_of(provider), instance_of(provider, "k")
    first = await lists.of(instance, 10.0)
    assert [each.voice.id for each in first] == ["k-1"]
    provider.now = KEPT_SECONDS - 0.1
    assert await lists.of(instance, 100.0) == first
    provider.now = KEPT_SECONDS
    assert [each.voice.id for each in await lists.of(instance, 100.0)] == ["k-2"]
    provider.now = 3 * KEPT_SECONDS
    await lists.of(instance_of(provider, "other"), 1000.0)
    assert len(lists._kept) == 1  # noqa: SLF001 # what is kept


async def test_a_failure_is_told_to_all_for_a_shorter_while() -> None:
    """Without the key that the provider repeats; nothing refers in a circle afterwards."""
    provider = Provider()
    provider.bad = {"k"}
    lists, instance = lists_of(provider), instance_of(provider, "k")
    gc.collect()
    for _ in range(3):
        with pytest.raises(InvalidApiKey) as refused:
            await lists.of(instance, 10.0)
        assert SECRET not in str(refused.value)
        assert refused.value.metadata == {"provider": "P"}
    assert provider.asked == ["k"]
    provider.bad.clear()
    provider.now = FAILURE_SECONDS
    assert len(await lists.of(instance, 10.0)) == 1


async def test_the_first_good_key_answers() -> None:
    """Not more of them are tried than a few; without any it is said so."""
    provider = Provider()
    provider.bad = {"a", "b"}
    lists = lists_of(provider)
    assert len(await lists.of(instance_of(provider, "a", "b", "c"), 10.0)) == 1
    assert provider.asked == ["a", "b", "c"]
    names = [f"bad-{number}" for number in range(MAX_KEYS)]
    provider.bad = set(names)
    with pytest.raises(InvalidApiKey):
        await lists.of(instance_of(provider, *names, "good"), 10.0)
    with pytest.raises(InvalidApiKey, match="no key"):
        await lists.of(instance_of(provider), 10.0)


async def test_a_silent_provider_is_given_up() -> None:
    """Who waited behind the first one does not hang either, and asks in its own time."""
    provider = Provider()
    provider.hangs = True
    lists, instance = lists_of(provider), instance_of(provider, "k")
    waiting = [lists.of(instance, 0.05) for _ in range(3)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in answers} == {UpstreamTimeout}
    provider.hangs = False
    assert len(await lists.of(instance, 10.0)) == 1


async def test_endless_pages_have_an_end() -> None:
    """A provider that always has another one is read so far."""
    provider = Provider(pages=10_000)
    assert len(await lists_of(provider).of(instance_of(provider, "k"), 10.0)) == MAX_PAGES
