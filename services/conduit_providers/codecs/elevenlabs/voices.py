"""ElevenLabs' voices: those that it brings, and those of the account.

https://elevenlabs.io/docs/api-reference/voices/search
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote

import msgspec

from conduit.v1.voice_pb2 import Voice
from conduit_providers.codec import ListedVoice, VoicePage
from conduit_providers.codecs.shared.lists import VOICES, ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

# The most that a page has.
_PAGE_SIZE = 100
# What voices are made from, by category; those of others are of samples, too.
_MADE_FROM: Mapping[str | None, str] = MappingProxyType(
    {"premade": "built_in", "generated": "prompt"}
)


class _Language(msgspec.Struct):
    language: str = ""


class _Voice(msgspec.Struct):
    voice_id: str
    name: str | None = None
    category: str | None = None
    labels: dict[str, str] | None = None
    verified_languages: list[_Language] | None = None
    description: str | None = None
    preview_url: str | None = None
    created_at_unix: Annotated[int, msgspec.Meta(le=2**63 - 1)] | None = None


class _Page(msgspec.Struct):
    voices: list[_Voice] | None = None
    has_more: bool = False
    next_page_token: str | None = None


_DECODER = JsonReader(_Page)


class ElevenLabsVoicesCodec:
    """Speaks `GET /v2/voices`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the first page."""
        return ask_for_list(endpoint, target, _sized(""))

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> VoicePage:
        """Read a page. UpstreamError if it is none."""
        page = read_list(_DECODER, response, VOICES)
        if page.voices is None:
            raise no_list(VOICES)
        following = ""
        if page.has_more and page.next_page_token:
            token = quote(page.next_page_token, safe="")
            following = f"{_sized(endpoint.path)}&next_page_token={token}"
        return VoicePage([ListedVoice(_voice(each)) for each in page.voices], following)


def _sized(path: str) -> str:
    return f"{path}?page_size={_PAGE_SIZE}"


def _voice(found: _Voice) -> Voice:
    languages = {each.language for each in found.verified_languages or ()}
    languages.add((found.labels or {}).get("language", ""))
    is_own = found.category != "premade"
    return Voice(
        id=found.voice_id,
        name=found.name or found.voice_id,
        type=_MADE_FROM.get(found.category, "audio_sample"),
        languages=sorted(languages - {""}),
        preview_url=found.preview_url or None,
        description=found.description or None,
        created_at=max(found.created_at_unix or 0, 0) if is_own else 0,
    )


CODEC = ElevenLabsVoicesCodec()
