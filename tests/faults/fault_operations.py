"""The operations that meet faults, one row each: how they are asked for over HTTP and gRPC."""

from collections.abc import Sequence

from tests.faults.chat_operations import CHAT, FRAMED, KEYED, STREAM_CHAT, STREAMED, TURNS
from tests.faults.dialect_operations import DIALECTS
from tests.faults.operation import Operation
from tests.faults.session_operations import SESSIONS

from conduit.v1 import audio_requests_pb2 as audio_pb
from conduit.v1 import completion_requests_pb2 as completions_pb
from conduit.v1 import image_requests_pb2 as image_pb
from conduit.v1 import message_requests_pb2 as messages_pb
from conduit.v1 import moderation_requests_pb2 as moderations_pb
from conduit.v1 import response_requests_pb2 as responses_pb
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.completion_pb2 import CompletionCreation, CompletionPrompt
from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingRequest
from conduit.v1.form_pb2 import FormFile
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit.v1.message_pb2 import MessageCreation
from conduit.v1.moderation_pb2 import ModerationInput, ModerationRequest
from conduit.v1.rerank_pb2 import RerankingDocument, RerankingRequest
from conduit.v1.response_pb2 import ResponseCreation, ResponseItem
from conduit.v1.speech_pb2 import SpeechRequest
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit.v1.voice_pb2 import VoiceChoice

_PROMPT = "a hat"


def _message(alias: str, options: CallOptions) -> messages_pb.CreateMessageRequest:
    return messages_pb.CreateMessageRequest(message=_conversation(alias), options=options)


def _stream_message(alias: str, options: CallOptions) -> messages_pb.StreamCreateMessageRequest:
    return messages_pb.StreamCreateMessageRequest(message=_conversation(alias), options=options)


def _conversation(alias: str) -> MessageCreation:
    asked = MessageCreation(model=alias, max_tokens=99)
    asked.messages.add(role="user").content.add(text="hi")
    return asked


def _response(alias: str, options: CallOptions) -> responses_pb.CreateResponseRequest:
    asked = ResponseCreation(model=alias, input=[ResponseItem(text="hi")])
    return responses_pb.CreateResponseRequest(response=asked, options=options)


def _moderate(alias: str, options: CallOptions) -> moderations_pb.ModerateRequest:
    asked = ModerationRequest(model=alias, input=[ModerationInput(text="hi")])
    return moderations_pb.ModerateRequest(moderation=asked, options=options)


def _completion(alias: str, options: CallOptions) -> completions_pb.CreateCompletionRequest:
    asked = CompletionCreation(model=alias, prompt=[CompletionPrompt(text="hi")])
    return completions_pb.CreateCompletionRequest(completion=asked, options=options)


def _stream_completion(
    alias: str, options: CallOptions
) -> completions_pb.StreamCreateCompletionRequest:
    asked = CompletionCreation(model=alias, prompt=[CompletionPrompt(text="hi")])
    return completions_pb.StreamCreateCompletionRequest(completion=asked, options=options)


def _stream_response(alias: str, options: CallOptions) -> responses_pb.StreamCreateResponseRequest:
    asked = ResponseCreation(model=alias, input=[ResponseItem(text="hi")])
    return responses_pb.StreamCreateResponseRequest(response=asked, options=options)


def _embed(alias: str, options: CallOptions) -> pb.EmbedRequest:
    asked = EmbeddingRequest(model=alias, input=[EmbeddingInput(text="hi")])
    return pb.EmbedRequest(embedding=asked, options=options)


def _image(alias: str, options: CallOptions) -> image_pb.GenerateImagesRequest:
    wish = ImageGenerationRequest(model=alias, prompt=_PROMPT)
    return image_pb.GenerateImagesRequest(generation=wish, options=options)


def _stream_image(alias: str, options: CallOptions) -> image_pb.StreamGenerateImagesRequest:
    wish = ImageGenerationRequest(model=alias, prompt=_PROMPT, partial_images=3)
    return image_pb.StreamGenerateImagesRequest(generation=wish, options=options)


def _edit_start(alias: str, options: CallOptions) -> image_pb.EditImagesStart:
    picture = ImageInput(file=FormFile(filename="a.png", content_type="image/png"))
    wish = ImageEditRequest(model=alias, prompt=_PROMPT, images=[picture])
    return image_pb.EditImagesStart(edit=wish, options=options)


def _edit(alias: str, options: CallOptions) -> image_pb.EditImagesRequest:
    return image_pb.EditImagesRequest(start=_edit_start(alias, options))


def _stream_edit(alias: str, options: CallOptions) -> image_pb.StreamEditImagesRequest:
    return image_pb.StreamEditImagesRequest(start=_edit_start(alias, options))


def _transcribe_start(alias: str, options: CallOptions) -> audio_pb.TranscribeStart:
    file = FormFile(filename="a.mp3", content_type="audio/mpeg")
    wish = TranscriptionRequest(model=alias, file=file)
    return audio_pb.TranscribeStart(transcription=wish, options=options)


def _transcribe(alias: str, options: CallOptions) -> audio_pb.TranscribeRequest:
    return audio_pb.TranscribeRequest(start=_transcribe_start(alias, options))


def _stream_transcribe(alias: str, options: CallOptions) -> audio_pb.StreamTranscribeRequest:
    return audio_pb.StreamTranscribeRequest(start=_transcribe_start(alias, options))


def _translate(alias: str, options: CallOptions) -> audio_pb.TranslateRequest:
    return audio_pb.TranslateRequest(start=_transcribe_start(alias, options))


def _rerank(alias: str, options: CallOptions) -> pb.RerankRequest:
    documents = [RerankingDocument(text="hi")]
    wish = RerankingRequest(model=alias, query=_PROMPT, documents=documents)
    return pb.RerankRequest(reranking=wish, options=options)


def _speech(alias: str, options: CallOptions, stream_format: str) -> audio_pb.SpeakRequest:
    wish = SpeechRequest(
        model=alias, input="hi", voice=VoiceChoice(name="alloy"), stream_format=stream_format
    )
    return audio_pb.SpeakRequest(speech=wish, options=options)


def _speak(alias: str, options: CallOptions) -> audio_pb.SpeakRequest:
    return _speech(alias, options, "audio")


def _speak_events(alias: str, options: CallOptions) -> audio_pb.SpeakRequest:
    return _speech(alias, options, "sse")


_SPEECH = {"input": "hi", "voice": "alloy"}
_WISH = {"prompt": _PROMPT}
_IMAGES = "/v1/images/generations"
_MESSAGES, _RESPONSES = "/v1/messages", "/v1/responses"
_COMPLETIONS, _PROMPTED = "/v1/completions", {"prompt": "hi"}
_INPUT = {"input": "hi"}
_ASKED = {**TURNS, "max_tokens": 99}
_EDITS, _TRANSCRIPTIONS = "/v1/images/edits", "/v1/audio/transcriptions"
_STREAMED_FORM = {"stream": "true"}

OPERATIONS: Sequence[Operation] = (
    CHAT,
    Operation("message", _MESSAGES, "CreateMessage", _ASKED, _message, like="chat"),
    Operation(
        "message",
        _MESSAGES,
        "StreamCreateMessage",
        _ASKED | STREAMED,
        _stream_message,
        is_stream=True,
        like="chat",
    ),
    Operation(
        *("response", _RESPONSES, "CreateResponse", _INPUT, _response),
        provider_type="OpenAICompatible",
        like="chat",
    ),
    Operation(
        *("response", _RESPONSES, "StreamCreateResponse", _INPUT | STREAMED, _stream_response),
        is_stream=True,
        provider_type="OpenAICompatible",
        like="chat",
    ),
    Operation(
        *("completion", _COMPLETIONS, "CreateCompletion", _PROMPTED, _completion),
        provider_type="vLLM",
        like="completion",
    ),
    Operation(
        *("completion", _COMPLETIONS, "StreamCreateCompletion", _PROMPTED | STREAMED),
        _stream_completion,
        is_stream=True,
        provider_type="vLLM",
        like="completion",
    ),
    Operation(
        "message_anthropic",
        _MESSAGES,
        "CreateMessage",
        _ASKED,
        _message,
        provider_type="Anthropic",
        like="message",
    ),
    Operation(
        "message_anthropic",
        _MESSAGES,
        "StreamCreateMessage",
        _ASKED | STREAMED,
        _stream_message,
        is_stream=True,
        provider_type="Anthropic",
        like="message",
    ),
    Operation(
        *("response_openai", _RESPONSES, "CreateResponse", _INPUT, _response),
        like="response",
    ),
    Operation(
        *("response_openai", _RESPONSES, "StreamCreateResponse", _INPUT | STREAMED),
        _stream_response,
        is_stream=True,
        like="response",
    ),
    Operation("embed", "/v1/embeddings", "Embed", _INPUT, _embed),
    Operation("moderate", "/v1/moderations", "Moderate", _INPUT, _moderate),
    Operation(
        "rerank",
        "/v1/rerank",
        "Rerank",
        {"query": _PROMPT, "documents": ["hi"]},
        _rerank,
        provider_type="vLLM",
    ),
    STREAM_CHAT,
    Operation("image", _IMAGES, "GenerateImages", _WISH, _image),
    Operation(
        "image",
        _IMAGES,
        "StreamGenerateImages",
        {**_WISH, **STREAMED, "partial_images": 3},
        _stream_image,
        is_stream=True,
    ),
    Operation(
        "image_edit",
        _EDITS,
        "EditImages",
        _WISH,
        _edit,
        file="image",
        piece=image_pb.EditImagesRequest,
    ),
    Operation(
        "image_edit",
        _EDITS,
        "StreamEditImages",
        _WISH | _STREAMED_FORM,
        _stream_edit,
        file="image",
        piece=image_pb.StreamEditImagesRequest,
        is_stream=True,
    ),
    Operation(
        "transcribe",
        _TRANSCRIPTIONS,
        "Transcribe",
        {},
        _transcribe,
        file="file",
        piece=audio_pb.TranscribeRequest,
    ),
    Operation(
        "transcribe",
        _TRANSCRIPTIONS,
        "StreamTranscribe",
        _STREAMED_FORM,
        _stream_transcribe,
        file="file",
        piece=audio_pb.StreamTranscribeRequest,
        is_stream=True,
    ),
    Operation(
        "translate",
        "/v1/audio/translations",
        "Translate",
        {},
        _translate,
        file="file",
        piece=audio_pb.TranslateRequest,
    ),
    Operation("speak", "/v1/audio/speech", "Speak", _SPEECH, _speak, is_stream=True),
    Operation(
        "speak_events",
        "/v1/audio/speech",
        "Speak",
        {**_SPEECH, "stream_format": "sse"},
        _speak_events,
        is_stream=True,
    ),
    *FRAMED,
    *KEYED,
    *DIALECTS,
    *SESSIONS,
)
