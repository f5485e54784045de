"""Consents to voices, which OpenAI wants before it makes one of a sample.

https://platform.openai.com/docs/api-reference/audio/createVoiceConsent, and openai 3.57.0, the
Python SDK: resources.audio.voice_consents.
"""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from conduit.v1.form_pb2 import FormMember
from conduit.v1.voice_consent_pb2 import VoiceConsentSpec
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.voice_forms import name_of
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.uploaded_form import UploadedForm
from conduit_providers.wire import HttpRequest, HttpResponse

_PATH = "voice_consents"
# The way that a consent takes is ours to know.
_OURS = frozenset({"model"})


class _Answer(msgspec.Struct):
    id: str


_DECODER = JsonReader(_Answer)


class OpenAIConsents:
    """Speaks `POST /audio/voice_consents`, and `DELETE /audio/voice_consents/{consent_id}`."""

    def consent(
        self, form: UploadedForm[VoiceConsentSpec], endpoint: Endpoint, target: Target
    ) -> HttpRequest:
        """Pass the caller's form on."""
        headers = tuple(endpoint.headers.items())
        members = [*_members(form)]
        return form_request(_path(endpoint, target), headers, members, form.uploads, form.boundary)

    def consent_id(self, response: HttpResponse, target: Target) -> str:
        """Read the new consent's id. UpstreamError if there is none."""
        return read_answer(_DECODER, response.body, target.provider_name, "it is no consent").id

    def consent_deletion(self, consent_id: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask to delete a consent."""
        path = f"{_path(endpoint, target)}/{quote(consent_id, safe='')}"
        return HttpRequest("DELETE", path, tuple(endpoint.headers.items()))


def _path(endpoint: Endpoint, target: Target) -> str:
    """Return where consents are: beside the voices."""
    voices = target.fill(endpoint.path_for(target.settings))
    return f"{voices.rpartition('/')[0]}/{_PATH}"


def _members(form: UploadedForm[VoiceConsentSpec]) -> Iterator[FormMember]:
    return (each for each in form.members.members if name_of(each) not in _OURS)
