"""Providers' lists of voices: kept for a while, fetched once, by the first key that is good."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.waiting import eventually

from conduit.v1.voice_pb2 import Voice
from conduit_kernel.errors import ConduitError, InvalidApiKey, UpstreamTimeout
from conduit_providers.codec import ListedVoice, VoicePage
from conduit_providers.redaction import Redactor
from conduit_providers.wire import HttpRequest
from conduit_router.upstream.voice_lists import (
    FAILURE_SECONDS,
    KEPT_SECONDS,
    MAX_KEYS,
    MAX_PAGES,
    SILENCE_SECONDS,
    VoiceLists,
)

SECRET = "sk-secret-0123456789"


class Provider:
    """A provider without a socket: answers by key, after as many pages as it is told."""

    def __init__(self, pages: int = 1) -> None:
        self.now = 0.0
        self.pages = pages
        self.asked: list[str] = []
        self.bad: set[str] = set()
        self.silent: set[str] = set()

    async def ask(self, upstream: Any, *_: object) -> tuple[str, None]:  # noqa: ANN401 # a stand-in's
        """Answer as the transport would."""
        self.asked.append(upstream.key_id)
        if upstream.key_id in self.silent:
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

    return _Place(
        SimpleNamespace(
            provider=SimpleNamespace(id=1, name="P"),
            spec=None,
            served={"voices": SimpleNamespace(codec=provider, endpoint=None)},
            keys=tuple(map(key, keys)),
        )
    )


class _Place:
    """An instance or an upstream target: equal to itself alone."""

    def __init__(self, facts: SimpleNamespace) -> None:
        self.__dict__.update(facts.__dict__)


def lists_of(provider: Provider, **times: float) -> VoiceLists:
    """Return lists by a clock that the provider has."""
    return VoiceLists(cast("Any", provider), lambda: provider.now, **times)


async def test_a_list_is_good_for_a_while() -> None:
    """Then it is asked for again, and what nobody asked for is let go."""
    provider = Provider()
    lists, instance = lists_of(provider), instance_of(provider, "k")
    first = await lists.of(instance)
    assert [each.voice.id for each in first] == ["k-1"]
    provider.now = KEPT_SECONDS - 0.1
    assert await lists.of(instance) == first
    provider.now = KEPT_SECONDS
    assert [each.voice.id for each in await lists.of(instance)] == ["k-2"]
    provider.now = 3 * KEPT_SECONDS
    await lists.of(instance_of(provider, "other"))
    assert len(lists._kept) == 1  # noqa: SLF001 # what is kept


async def test_a_failure_is_told_to_all_for_a_shorter_while() -> None:
    """Without the key that the provider repeats; nothing refers in a circle afterwards."""
    provider = Provider()
    provider.bad = {"k"}
    lists, instance = lists_of(provider), instance_of(provider, "k")
    for _ in range(3):
        with pytest.raises(InvalidApiKey) as refused:
            await lists.of(instance)
        assert SECRET not in str(refused.value)
        assert refused.value.metadata == {"provider": "P"}
    assert provider.asked == ["k"]
    provider.bad.clear()
    provider.now = FAILURE_SECONDS
    assert len(await lists.of(instance)) == 1


async def test_the_first_good_key_answers() -> None:
    """Not more of them are tried than a few; without any it is said so."""
    provider = Provider()
    provider.bad = {"a", "b"}
    lists = lists_of(provider)
    assert len(await lists.of(instance_of(provider, "a", "b", "c"))) == 1
    assert provider.asked == ["a", "b", "c"]
    names = [f"bad-{number}" for number in range(MAX_KEYS)]
    provider.bad = set(names)
    with pytest.raises(InvalidApiKey):
        await lists.of(instance_of(provider, *names, "good"))
    with pytest.raises(InvalidApiKey, match="no key"):
        await lists.of(instance_of(provider))


async def test_a_silent_provider_is_waited_for_once_in_a_while() -> None:
    """By all who ask together, with one key; whoever asks later is told at once."""
    provider = Provider()
    provider.silent = {"k"}
    lists, instance = lists_of(provider, list_seconds=0.05), instance_of(provider, "k", "other")
    answers = await asyncio.gather(*(lists.of(instance) for _ in range(3)), return_exceptions=True)
    assert {type(each) for each in answers} == {UpstreamTimeout}
    provider.silent.clear()
    provider.now = SILENCE_SECONDS - 0.1
    with pytest.raises(UpstreamTimeout, match="P did not list its voices in time"):
        await lists.of(instance)
    assert provider.asked == ["k"]
    provider.now = SILENCE_SECONDS
    assert len(await lists.of(instance)) == 1


async def test_silent_providers_hold_nobody_else_up() -> None:
    """However many are waited for: each has its own place."""
    provider = Provider()
    provider.silent = {f"silent-{number}" for number in range(50)}
    lists = lists_of(provider)
    waiting = [
        asyncio.create_task(lists.of(instance_of(provider, name))) for name in provider.silent
    ]

    async def are_asked() -> bool:
        return provider.silent == {*provider.asked}

    await eventually(are_asked)
    assert len(await lists.of(instance_of(provider, "k"))) == 1
    assert not any(each.done() for each in waiting)
    await lists.close()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in ended} == {asyncio.CancelledError}


async def test_one_who_leaves_takes_the_list_from_nobody() -> None:
    """It is fetched once, also when the one who asked first is gone."""
    provider = Provider()
    provider.silent = {"k"}
    lists, instance = lists_of(provider, list_seconds=0.05), instance_of(provider, "k")
    first = asyncio.create_task(lists.of(instance))
    await asyncio.sleep(0)
    second = asyncio.create_task(lists.of(instance))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(UpstreamTimeout):
        await second
    assert first.cancelled()
    assert provider.asked == ["k"]


async def test_a_crash_of_ours_is_told_and_over() -> None:
    """The next fetch, after a while, may do better."""
    provider = Provider()
    crash = SimpleNamespace(to_upstream=None)
    instance = instance_of(provider, "k")
    served, instance.served = instance.served, {"voices": crash}
    lists = lists_of(provider)
    with pytest.raises(ConduitError, match="did not foresee"):
        await lists.of(instance)
    instance.served = served
    provider.now = FAILURE_SECONDS
    assert len(await lists.of(instance)) == 1
    assert provider.asked == ["k"]


async def test_endless_pages_have_an_end() -> None:
    """A provider that always has another one is read so far."""
    provider = Provider(pages=10_000)
    assert len(await lists_of(provider).of(instance_of(provider, "k"))) == MAX_PAGES
