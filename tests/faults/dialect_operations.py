"""Operations of other dialects that meet faults: images, speech, transcripts, and voices made."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tests.faults.answer import TEXT
from tests.faults.operation import Operation

from conduit.v1 import audio_requests_pb2 as audio_pb
from conduit.v1 import image_requests_pb2 as image_pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.form_pb2 import FormFile
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit.v1.speech_pb2 import SpeechRequest
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit.v1.voice_pb2 import VoiceChoice, VoiceSpec
from conduit.v1.voice_requests_pb2 import CreateVoiceRequest, CreateVoiceStart

_PROMPT = "a hat"
_CONSENT = "cons_1"
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_REGION = {"region": "us-east-1"}


def _draws(provider_type: str, model: str, settings: Mapping[str, str] = _NO_SETTINGS) -> Operation:
    """Return the making of an image, whole."""

    def request(alias: str, options: CallOptions) -> image_pb.GenerateImagesRequest:
        wish = ImageGenerationRequest(model=alias, prompt=_PROMPT)
        return image_pb.GenerateImagesRequest(generation=wish, options=options)

    return Operation(
        f"image_{provider_type.lower()}",
        "/v1/images/generations",
        "GenerateImages",
        {"prompt": _PROMPT},
        request,
        provider_type=provider_type,
        model=model,
        settings=settings,
        like="image",
    )


def _speaks(
    provider_type: str,
    model: str,
    voice: str,
    settings: Mapping[str, str] = _NO_SETTINGS,
    *,
    is_numbered: bool = True,
) -> Operation:
    """Return speech, as the provider's own bytes."""

    def request(alias: str, options: CallOptions) -> audio_pb.SpeakRequest:
        wish = SpeechRequest(model=alias, input="hi", voice=VoiceChoice(name=voice))
        return audio_pb.SpeakRequest(speech=wish, options=options)

    return Operation(
        f"speak_{provider_type.lower()}",
        "/v1/audio/speech",
        "Speak",
        {"input": "hi", "voice": voice},
        request,
        is_stream=True,
        # What follows a cut is the same in every dialect.
        has_policies=False,
        provider_type=provider_type,
        model=model,
        is_numbered=is_numbered,
        settings=settings,
        like="speak",
    )


def _writes(
    provider_type: str, model: str, settings: Mapping[str, str] = _NO_SETTINGS
) -> Operation:
    """Return the transcription of a recording."""

    def request(alias: str, options: CallOptions) -> audio_pb.TranscribeRequest:
        file = FormFile(filename="a.mp3", content_type="audio/mpeg")
        wish = TranscriptionRequest(model=alias, file=file)
        start = audio_pb.TranscribeStart(transcription=wish, options=options)
        return audio_pb.TranscribeRequest(start=start)

    return Operation(
        f"transcribe_{provider_type.lower()}",
        "/v1/audio/transcriptions",
        "Transcribe",
        {},
        request,
        file="file",
        piece=audio_pb.TranscribeRequest,
        provider_type=provider_type,
        model=model,
        settings=settings,
        like="transcribe",
    )


def _makes_voices(provider_type: str, model: str) -> Operation:
    """Return the making of a voice, which is kept once it is made."""

    def request(alias: str, options: CallOptions) -> CreateVoiceRequest:
        file = FormFile(filename="a.mp3", content_type="audio/mpeg")
        wish = VoiceSpec(model=alias, name=TEXT, audio_samples=[file], consent=_CONSENT)
        return CreateVoiceRequest(start=CreateVoiceStart(voice=wish, options=options))

    return Operation(
        f"create_voice_{provider_type.lower()}",
        "/v1/audio/voices",
        "CreateVoice",
        {"name": TEXT, "consent": _CONSENT},
        request,
        file="audio_sample",
        piece=CreateVoiceRequest,
        provider_type=provider_type,
        model=model,
        like="create_voice",
    )


DIALECTS: Sequence[Operation] = (
    _draws("Replicate", "acme/painter"),
    _draws("StabilityAI", "sd3.5"),
    _draws("Gemini", "gemini-3.1-flash-image"),
    _draws("Bedrock", "stability.sd3-5-large-v1:0", _REGION),
    _speaks("ElevenLabs", "eleven_v3", "ann"),
    _speaks("Deepgram", "aura-2-thalia-en", "thalia"),
    _speaks("AWS", "polly-neural", "Joanna", _REGION, is_numbered=False),
    _writes("Deepgram", "nova-3"),
    _writes("ElevenLabs", "scribe_v2"),
    _writes("GoogleCloud", "chirp_3", {"project": "acme"}),
    _makes_voices("ElevenLabs", "eleven_v3"),
    _makes_voices("OpenAI", "gpt-4o-mini-tts"),
)
