"""The voices of Amazon Polly.

https://docs.aws.amazon.com/polly/latest/dg/API_DescribeVoices.html
"""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from conduit.v1.voice_pb2 import Voice
from conduit_providers.codec import ListedVoice, VoicePage
from conduit_providers.codecs.aws.speak import ENGINE_PREFIX
from conduit_providers.codecs.shared.lists import VOICES, ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Voice(msgspec.Struct, rename="pascal"):
    id: str
    name: str | None = None
    gender: str | None = None
    language_code: str | None = None
    additional_language_codes: list[str] | None = None
    supported_engines: list[str] | None = None


class _Page(msgspec.Struct, rename="pascal"):
    voices: list[_Voice]
    next_token: str | None = None


_DECODER = JsonReader(_Page)


class AwsVoicesCodec:
    """Speaks `GET /v1/voices`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request for the first page."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> VoicePage:
        """Read a page. UpstreamError if it is none."""
        page = read_list(_DECODER, response, VOICES)
        token = quote(page.next_token or "", safe="")
        following = f"{endpoint.path}?NextToken={token}" if token else ""
        return VoicePage([listed for each in page.voices for listed in _listed(each)], following)


def _listed(found: _Voice) -> Iterator[ListedVoice]:
    """Yield a voice for each engine that speaks with it."""
    codes = [found.language_code or "", *(found.additional_language_codes or ())]
    voice = Voice(
        id=found.id,
        name=found.name or found.id,
        type="built_in",
        # Those of Chinese and Arabic are of three letters: `cmn-CN`, `arb`.
        languages=sorted({each.partition("-")[0].lower() for each in codes if each}),
        description=(found.gender or "").lower() or None,
    )
    for engine in found.supported_engines or ():
        yield ListedVoice(voice, ENGINE_PREFIX + engine)


CODEC = AwsVoicesCodec()
