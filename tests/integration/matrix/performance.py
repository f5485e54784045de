"""The whole conversation with all types, once, in every way; what came of it is kept for tests."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import httpx
from openai import AsyncOpenAI
from tests.integration.matrix import conversation
from tests.integration.matrix.callers import Heard, OverGrpc, OverHttp, OverSdk
from tests.integration.matrix.parts import (
    PARTS,
    TYPES,
    Json,
    NoCase,
    Sent,
    find_case,
    local_base_path,
    missing_claims,
)
from tests.integration.matrix.upstreams import Upstream, script_of, serving
from tests.support.suite import MASTER_KEY, Suite
from tests.support.wire_cases import WireCase

from conduit.v1.billing_requests_pb2 import ListChargesRequest
from conduit.v1.billing_service_pb2_grpc import BillingServiceStub
from conduit.v1.charge_pb2 import Charge
from conduit.v1.router_service_pb2_grpc import RouterServiceStub

# How a part is asked. `sdk` asks the one conversation, the others what the recorded case asks.
WAYS = ("http", "sdk", "grpc")


class Asking(Protocol):
    """A way to ask."""

    async def ask(self, request: Json, request_id: str) -> Heard:
        """Ask, and hear the answer to its end."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Stage:
    """An instance of a type, with a key and a price, and the provider behind it."""

    provider_type: str
    provider_id: int
    key_id: str
    # In nano-dollars of 1,000 tokens: read, written, read from the cache.
    prices: tuple[int, int, int]
    settings: Json
    upstream: Upstream


@dataclass(frozen=True, slots=True, repr=False)
class Scene:
    """One part played by one type: the case, and what each way heard or failed with."""

    stage: Stage
    part: str
    alias: str
    case: WireCase
    # The counts of a job that streamed are those that the job ended with.
    usage_case: WireCase
    heard: dict[str, Heard] = field(default_factory=dict[str, Heard])
    failures: dict[str, Exception] = field(default_factory=dict[str, Exception])
    seen: dict[str, list[Sent]] = field(default_factory=dict[str, list[Sent]])

    @property
    def is_job(self) -> bool:
        """Whether the type answers with jobs."""
        return self.usage_case is not self.case

    def result(self, way: str) -> Heard:
        """Return what was heard; raise what went wrong instead."""
        if way in self.failures:
            raise AssertionError(f"{self.alias} over {way}") from self.failures[way]
        return self.heard[way]

    def request_id(self, way: str) -> str:
        """Name the call of a way."""
        return f"req_{self.alias}_{way}"


@dataclass(frozen=True, slots=True, repr=False)
class Performance:
    """Everything that happened."""

    scenes: Mapping[tuple[str, str], Scene]
    # Why a type did not take part, or could not be set up.
    absences: Mapping[tuple[str, str], Exception]
    # By request.
    charges: Mapping[str, list[Charge]]
    virtual_key_id: int

    def scene(self, provider_type: str, part: str) -> Scene:
        """Return a scene; raise why there is none."""
        if absence := self.absences.get((provider_type, part)):
            raise AssertionError(f"{provider_type} did not play {part!r}") from absence
        return self.scenes[provider_type, part]


class Director:
    """Sets the stage and lets everybody speak."""

    def __init__(self, suite: Suite, admin: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        self._suite = suite
        self._admin = admin
        self._stack = stack
        self._scenes: dict[tuple[str, str], Scene] = {}
        self._absences: dict[tuple[str, str], Exception] = {}

    async def perform(self) -> Performance:
        """Set up all types, ask everything, and wait for the charges."""
        for number, name in enumerate(TYPES, 1):
            try:
                await self._set_up(name, number)
            except Exception as error:  # noqa: BLE001 # told by the tests of this type
                self._absences |= {(name, part): error for part in PARTS}
        await self._suite.settled()
        ways = await self._ways()
        for scene in self._scenes.values():
            for way, asking in ways.items():
                await self._play(scene, way, asking)
        return Performance(self._scenes, self._absences, await self._charges(), 1)

    async def _post(self, path: str, body: Json) -> Json:
        answer = await self._admin.post(path, json=body)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return dict(answer.json())

    async def _set_up(self, name: str, number: int) -> None:
        catalog = self._suite.catalog
        spec = catalog.find(name)
        upstream = await self._stack.enter_async_context(serving(spec))
        base_url = upstream.origin + local_base_path(catalog, spec)
        stage = await self._build(name, number, base_url, upstream)
        for part in PARTS:
            if missing_claims(spec, part):
                continue
            try:
                case = find_case(name, part)
            except NoCase as error:
                self._absences[name, part] = error
            else:
                await self._cast(stage, part, case)

    async def _build(self, name: str, number: int, base_url: str, upstream: Upstream) -> Stage:
        settings = find_case(name, "plain").settings
        made = await self._post(
            "/api/providers",
            {
                "name": f"{name} Production",
                "providerType": name,
                "baseUrl": base_url,
                "settings": settings,
            },
        )
        key = await self._post(
            f"/api/providers/{made['id']}/keys",
            {"apiKey": upstream.key, "providerAccountGroup": f"{name}-account"},
        )
        # Such that no sum of a few tokens is a whole number of nano-dollars.
        prices = (1_234_567 * number, 7_654_321 * number, 123_457 * number)
        names = ("inputCostPer1kTokens", "outputCostPer1kTokens", "cachedInputCostPer1kTokens")
        costs = {each: price / 10**9 for each, price in zip(names, prices, strict=True)}
        rule = {"providerId": made["id"], "modelPattern": "*", **costs}
        await self._post("/api/model-costs", rule)
        return Stage(name, int(made["id"]), str(key["id"]), prices, settings, upstream)

    async def _cast(self, stage: Stage, part: str, case: WireCase) -> None:
        assert case.settings == stage.settings
        is_streamed_job = bool(case.request.get("stream")) and case.result.get("usage") is None
        usage_case = find_case(stage.provider_type, "plain") if is_streamed_job else case
        scene = Scene(stage, part, f"{stage.provider_type}-{part}".lower(), case, usage_case)
        mapping = {
            "modelAlias": scene.alias,
            "providerId": stage.provider_id,
            "actualModelName": case.model,
        }
        await self._post("/api/model-provider-mappings", mapping)
        self._scenes[stage.provider_type, part] = scene

    async def _ways(self) -> dict[str, Asking]:
        suite = self._suite
        caller = await self._stack.enter_async_context(suite.caller())
        sdk = await self._stack.enter_async_context(
            AsyncOpenAI(
                base_url=f"{suite.url}/v1",
                api_key=suite.virtual_key,
                max_retries=0,
                timeout=20,
            )
        )
        channel = await self._stack.enter_async_context(
            grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}")
        )
        stub = RouterServiceStub(channel)
        return {
            "http": OverHttp(caller),
            "sdk": OverSdk(sdk),
            "grpc": OverGrpc(stub, suite.virtual_key),
        }

    async def _play(self, scene: Scene, way: str, asking: Asking) -> None:
        upstream = scene.stage.upstream
        upstream.play(script_of(scene.case, scene.usage_case if scene.is_job else None))
        if way == "sdk":
            request = conversation.request(scene.part, scene.alias)
        else:
            request = {**upstream.host_media(scene.case), "model": scene.alias}
        try:
            scene.heard[way] = await asking.ask(request, scene.request_id(way))
        except Exception as error:  # noqa: BLE001 # told by the tests of this scene
            scene.failures[way] = error
        scene.seen[way] = upstream.seen

    async def _charges(self) -> dict[str, list[Charge]]:
        await self._suite.deliver_charges()
        found: dict[str, list[Charge]] = {}
        target = f"127.0.0.1:{self._suite.ports()['billing']}"
        async with grpc.aio.insecure_channel(target) as channel:
            stub: Any = BillingServiceStub(channel)
            request = ListChargesRequest(page_size=1000)
            page = await stub.ListCharges(
                request, metadata=(("x-master-key", MASTER_KEY),), timeout=20
            )
        assert not page.next_page_token
        for charge in page.charges:
            found.setdefault(charge.request_id, []).append(charge)
        return found
