"""The bounds of time of sessions in every dialect that is translated, and callers that vanish."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.deepgram_upstream import DeepgramUpstream
from tests.support.elevenlabs_agent_upstream import ElevenLabsAgentUpstream
from tests.support.elevenlabs_upstream import ElevenLabsUpstream
from tests.support.scripted_upstream import Act
from tests.support.session_bench import session
from tests.support.ultravox_upstream import UltravoxUpstream
from tests.support.waiting import eventually

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.http import Exchange
from conduit_router.sessions.upstream_session import SessionLimits

DIALECTS: dict[str, tuple[str, Callable[[], Act]]] = {
    "nova-3": ("Deepgram", DeepgramUpstream),
    "flux-general-en": ("Deepgram", DeepgramUpstream),
    "scribe_v2_realtime": ("ElevenLabs", ElevenLabsUpstream),
    "ultravox-v0.7": ("Ultravox", UltravoxUpstream),
    "agent_7101": ("ElevenLabs", ElevenLabsAgentUpstream),
}
BOUNDS = {
    "idle": (SessionLimits(2.0, 5.0, idle=0.3, longest=30.0), pb.SESSION_END_REASON_IDLE),
    "longest": (SessionLimits(2.0, 5.0, idle=30.0, longest=0.3), pb.SESSION_END_REASON_EXPIRED),
}


class Counted:
    """A provider, and how many of its exchanges are under way."""

    def __init__(self, upstream: Act) -> None:
        self.open = self.all = 0
        self._upstream = upstream

    async def __call__(self, exchange: Exchange) -> None:
        """Do as the provider does."""
        self.all += 1
        self.open += 1
        try:
            await self._upstream(exchange)
        finally:
            self.open -= 1

    async def is_idle(self) -> bool:
        """Return whether it holds nothing."""
        return not self.open


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("model", DIALECTS)
async def test_a_session_of_any_dialect_has_bounds_of_time(
    tmp_path: Path, model: str, bound: str
) -> None:
    """It ends well, with its reason, and the provider's side with it."""
    (kind, upstream), (limits, reason) = DIALECTS[model], BOUNDS[bound]
    provider = Counted(upstream())
    async with session(
        tmp_path, provider, limits=limits, provider_type=kind, model=model
    ) as caller:
        await caller.get()
        assert caller.error is None
        assert caller.end.reason == reason
        await eventually(provider.is_idle)
        assert provider.all >= 1


@pytest.mark.parametrize("model", DIALECTS)
async def test_a_caller_of_any_dialect_that_vanishes_leaves_no_session(
    tmp_path: Path, model: str
) -> None:
    """Without a word, once it is open: the provider's side ends, too, and the call is charged."""
    kind, upstream = DIALECTS[model]
    provider = Counted(upstream())
    async with session(tmp_path, provider, provider_type=kind, model=model) as caller:
        await caller.get(2)
        assert caller.events[-1]["type"] == "session.created"
        await caller.call.aclose()
        await eventually(provider.is_idle)
        assert len(caller.charges) == 1
