"""The bodies that are understood; members not named here are ignored, as they change nothing."""

from email import message_from_bytes
from email.policy import HTTP
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from conduit_simulator.errors import bad_request

MAX_DIMENSIONS = 3072


class Part(msgspec.Struct):
    """A part of a message; only texts have `text`."""

    type: str
    text: str = ""


class Function(msgspec.Struct):
    """A function that may be called, or was."""

    name: str
    parameters: dict[str, Any] | None = None
    arguments: str = ""


class Tool(msgspec.Struct):
    """A tool, or the call of one."""

    type: str = "function"
    function: Function | None = None


class Message(msgspec.Struct):
    """A turn of the conversation."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[Tool] | None = None


class JsonSchema(msgspec.Struct):
    """A named schema."""

    name: str
    schema: dict[str, Any] | None = None


class ResponseFormat(msgspec.Struct):
    """The form of the answer: `text`, `json_object` or `json_schema`."""

    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    """The parts of a stream besides the answer."""

    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/chat/create."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | Tool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    stop: str | list[str] | None = None


class EmbeddingRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/embeddings/create."""

    model: str
    # A text or a list of texts; a text may be a list of token ids.
    input: Any
    dimensions: int | None = None
    encoding_format: str | None = None


class ImageRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/images/create."""

    model: str
    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: str | None = None
    quality: str | None = None
    output_format: Literal["png"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None


class ImageEditRequest(ImageRequest, kw_only=True):
    """https://platform.openai.com/docs/api-reference/images/createEdit."""

    images: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=16)]


class TranscriptionRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/audio/createTranscription."""

    model: str
    # How many bytes of sound came.
    file: int
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] | None = None
    timestamp_granularities: list[Literal["word", "segment"]] | None = None
    stream: bool | None = None


class VoiceRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/audio/createVoice."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    type: Literal["audio_sample", "prompt"] = "audio_sample"
    # How long the sample is.
    audio_sample: int | None = None
    consent: str = ""
    prompt: str = ""


class ConsentRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/audio/createVoiceConsent."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    language: Annotated[str, msgspec.Meta(min_length=1)]
    # How long it is.
    recording: int


class SpeechRequest(msgspec.Struct):
    """https://platform.openai.com/docs/api-reference/audio/createSpeech."""

    model: str
    input: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    # What OpenAI sends where nothing is said is not among what is made here.
    response_format: str = "mp3"
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


Text = str | list[int]
RequestT = TypeVar("RequestT", bound=msgspec.Struct)
_CHAT = msgspec.json.Decoder(ChatRequest)
_EMBEDDING = msgspec.json.Decoder(EmbeddingRequest)
_IMAGE = msgspec.json.Decoder(ImageRequest)
_IMAGE_EDIT = msgspec.json.Decoder(ImageEditRequest)
_SPEECH = msgspec.json.Decoder(SpeechRequest)
_FORM = b"multipart/form-data"
# Members that are one file, of which its length is all that matters.
_FILES = frozenset({"file", "audio_sample", "recording"})


def read_chat(body: bytes) -> ChatRequest:
    """Read the body of a chat. ApiError 400 if it is none."""
    try:
        request = _CHAT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"We could not parse the JSON body of your request: {error}") from error
    if not request.messages:
        raise bad_request("[] is too short - 'messages'", "messages")
    if request.n is not None and not 1 <= request.n <= 128:  # noqa: PLR2004 # OpenAI's limit
        raise bad_request("n must be from 1 to 128", "n")
    limit = max_tokens(request)
    if limit is not None and limit < 1:
        raise bad_request("max_tokens must be at least 1", "max_tokens")
    return request


def max_tokens(request: ChatRequest) -> int | None:
    """Return the limit of the answer, by either of its names."""
    newer = request.max_completion_tokens
    return newer if newer is not None else request.max_tokens


def read_embedding(body: bytes) -> EmbeddingRequest:
    """Read the body of an embedding. ApiError 400 if it is none."""
    try:
        request = _EMBEDDING.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"We could not parse the JSON body of your request: {error}") from error
    if request.encoding_format not in {None, "float", "base64"}:
        raise bad_request("encoding_format must be 'float' or 'base64'", "encoding_format")
    if request.dimensions is not None and not 1 <= request.dimensions <= MAX_DIMENSIONS:
        raise bad_request(f"dimensions must be from 1 to {MAX_DIMENSIONS}", "dimensions")
    return request


def read_image(body: bytes) -> ImageRequest:
    """Read the body of a wish for images. ApiError 400 if it is none."""
    try:
        return _IMAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"We could not parse the JSON body of your request: {error}") from error


def read_speech(body: bytes) -> SpeechRequest:
    """Read the body of a wish for speech. ApiError 400 if it is none."""
    try:
        return _SPEECH.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"We could not parse the JSON body of your request: {error}") from error


def read_image_edit(body: bytes, content_type: bytes) -> ImageEditRequest:
    """Read the body of a wish for a change, a form or JSON. ApiError 400 if it is neither."""
    try:
        if not content_type.lower().startswith(_FORM):
            return _IMAGE_EDIT.decode(body)
        return msgspec.convert(_members_of(body, content_type), ImageEditRequest, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"We could not parse the body of your request: {error}") from error


def read_transcription(body: bytes, content_type: bytes) -> TranscriptionRequest:
    """Read the form of a wish for the words of a sound. ApiError 400 if it is none."""
    try:
        members = _members_of(body, content_type)
        return msgspec.convert(members, TranscriptionRequest, strict=False)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise bad_request(f"We could not parse the body of your request: {error}") from error


def read_voice(body: bytes, content_type: bytes) -> VoiceRequest:
    """Read the form of a wish for a voice. ApiError 400 if it is none."""
    return _form_of(body, content_type, VoiceRequest)


def read_consent(body: bytes, content_type: bytes) -> ConsentRequest:
    """Read the form of a consent. ApiError 400 if it is none."""
    return _form_of(body, content_type, ConsentRequest)


def _form_of(body: bytes, content_type: bytes, kind: type[RequestT]) -> RequestT:
    try:
        return msgspec.convert(_members_of(body, content_type), kind, strict=False)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise bad_request(f"We could not parse the body of your request: {error}") from error


def _members_of(body: bytes, content_type: bytes) -> dict[str, object]:
    """Return the members of a form: texts, and how long its files are."""
    head = b"content-type: %b\r\n\r\n" % content_type.replace(b"\n", b"")
    members: dict[str, object] = {}
    images: list[int] = []
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        name = str(part.get_param("name", "", "content-disposition"))
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes):
            raise bad_request("A part of a form has no parts")
        if name.removesuffix("[]") == "image":
            images.append(len(data))
        elif name in _FILES:
            members[name] = len(data)
        elif name.endswith("[]"):
            found = members.setdefault(name.removesuffix("[]"), [])
            assert isinstance(found, list)  # noqa: S101 # only such names have lists
            found.append(data.decode())
        else:
            members[name] = data.decode()
    return {**members, "images": images}


def texts_of(request: EmbeddingRequest) -> list[Text]:
    """Return the texts to turn into vectors. ApiError 400 if there are none."""
    given = request.input
    # One text may stand alone, as words or as tokens.
    if isinstance(given, str) or (isinstance(given, list) and given and _is_int(given[0])):
        given = [given]
    if not isinstance(given, list) or not given or not all(map(_is_text, given)):
        raise bad_request("'$.input' is invalid. Please give texts or tokens.", "input")
    return given


def _is_text(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_int, value))
    return isinstance(value, str) and value != ""


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
