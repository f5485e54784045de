"""What generations and edits of images share: their answers, their events, what they use."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from google.protobuf.message import Message

from conduit.v1 import charge_pb2
from conduit.v1.image_json import (
    image_event_from_json,
    image_event_to_json,
    image_list_from_json,
    image_list_to_json,
)
from conduit.v1.image_pb2 import ImageEvent, ImageList, ImageUsage
from conduit.v1.image_requests_pb2 import ImageStreamEnd
from conduit_providers.calls import Answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.quantities import (
    IMAGE_INPUT,
    IMAGE_OUTPUT,
    INPUT,
    Qualifiers,
    Quantities,
    counted,
)
from conduit_providers.request_reading import Routed
from conduit_providers.typed_events import TypedEvents

IMAGE = int(charge_pb2.UNIT_IMAGE)
STEP = int(charge_pb2.UNIT_STEP)
MAX_IMAGES = 10
# What is usual has no price of its own.
_USUAL = frozenset({"", "auto", "standard"})
_MAX_QUALIFIER = 40
# Of a side, in pixels.
_MAX_DIGITS = 5
# Whoever asks for more asks for something else.
_MOST_STEPS = 10_000
# The most tokens that OpenAI documents for a square megapixel, by quality; of the steps above
# `high` nobody says how many they may be. https://platform.openai.com/docs/guides/image-generation
_MOST_TOKENS: Mapping[str, int] = {"low": 272, "medium": 1056, "high": 4160}
_MEGAPIXEL = 1024 * 1024
# Each partial image costs so many more. The same page.
_PARTIAL_TOKENS = 100
# More than any size that is not said comes to: the largest of the sizes that models choose from.
_UNSAID_PIXELS = 1536 * 1024

ImageAnswer: TypeAlias = Answer[ImageList]
Json = dict[str, Any]


def image_answer(
    *, usage: Quantities | None, json: bytes | None = None, typed: ImageList | None = None
) -> ImageAnswer:
    """Hold an answer of images."""
    return Answer(image_list_from_json, image_list_to_json, json, typed, usage)


class ImageEvents(TypedEvents[ImageEvent]):
    """Pieces of streamed images."""

    __slots__ = ()

    read_piece = staticmethod(image_event_from_json)
    write_piece = staticmethod(image_event_to_json)


def completed_events(answer: ImageAnswer, kind: str, created: int) -> Iterator[Json]:
    """Yield the events that say what a whole answer says; `kind` is whose events they are.

    The last one has the counts of all. UpstreamError if the answer cannot be read.
    """
    try:
        whole = parsed(answer.json)
    except msgspec.DecodeError as error:
        raise malformed("", "it is not a list of images") from error
    shared = {name: whole[name] for name in _OF_ALL if whole.get(name)}
    images = whole.get("data") or []
    for place, image in enumerate(images):
        event = {"type": f"{kind}.completed", **image, **shared}
        event["created_at"] = whole.get("created") or created
        if place == len(images) - 1 and whole.get("usage"):
            event["usage"] = whole["usage"]
        yield event


_OF_ALL = ("background", "output_format", "quality", "size")


class ImageWish(Routed):
    """Members that requests for images have in common, as far as the Router needs them."""

    model: str
    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_IMAGES)] | None = None
    # Refused here, before a provider is asked.
    partial_images: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None

    def capabilities(self) -> frozenset[str]:
        """Return what a provider must be able to do."""
        return frozenset({"transparent"} if self.background == "transparent" else ())


class _Reported(msgspec.Struct):
    """Members by which an answer says what came; where they are no texts, it is as was asked."""

    data: list[msgspec.Raw] | None = None
    size: object = None
    quality: object = None


_REPORTED = JsonReader(_Reported)


def estimated_images(wish: Message, answer: ImageAnswer | None) -> Quantities:
    """Count images: those that came, or those that were asked for."""
    size, quality = getattr(wish, "size", ""), getattr(wish, "quality", "")
    reported = None if answer is None else _reported(answer)
    if reported is None:
        return images_of(images_asked(wish), size, quality, steps_of(wish))
    size, quality = _text(reported.size) or size, _text(reported.quality) or quality
    return images_of(len(reported.data or ()), size, quality, steps_of(wish))


def _reported(answer: ImageAnswer) -> _Reported | None:
    """Return what an answer says of itself; None if that cannot be read."""
    try:
        return _REPORTED.decode(answer.json)
    except msgspec.DecodeError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def images_of(count: int, size: str = "", quality: str = "", steps: int = 0) -> Quantities:
    """Return images as they are charged for: by their number, quality and size, or their steps."""
    return counted(((IMAGE, count), (STEP, count * steps)), image_qualifiers(size, quality))


class _Steps(msgspec.Struct):
    """The number of steps in which each image is drawn, by its two names.

    Together's SDK (`client.images.generate`) has the first, Hugging Face's
    (`InferenceClient.text_to_image`) the second.
    """

    steps: Annotated[int, msgspec.Meta(ge=1, le=_MOST_STEPS)] | None = None
    num_inference_steps: Annotated[int, msgspec.Meta(ge=1, le=_MOST_STEPS)] | None = None


_STEPS = JsonReader(_Steps)


def steps_of(wish: Message) -> int:
    """Return the steps that a wish names for each image, 0 if it names none."""
    others: bytes = getattr(wish, "unknown_json", b"")
    if b"steps" not in others:
        return 0
    try:
        found = _STEPS.decode(others)
    except msgspec.DecodeError:
        return 0
    return found.steps or found.num_inference_steps or 0


def image_qualifiers(size: str, quality: str) -> Qualifiers:
    """Return what the price of an image depends on."""
    pairs = (("quality", quality), ("size", size))
    return tuple((name, value[:_MAX_QUALIFIER]) for name, value in pairs if value not in _USUAL)


def images_asked(wish: Message) -> int:
    """Return how many images are asked for."""
    return max(1, getattr(wish, "n", 0))


def worst_images(wish: Message, read: int) -> tuple[Quantities, bool]:
    """Return the most that a wish uses, by the image and by the token, and whether that is known.

    `read` is the most tokens that are read.
    """
    count, quality = images_asked(wish), getattr(wish, "quality", "")
    most = _MOST_TOKENS.get(quality, _MOST_TOKENS["high"])
    pixels = _pixels(getattr(wish, "size", ""))
    # Long images take a little more than their area says: 1.5 times as much for 1.5 times it.
    tokens = -(-most * 3 * pixels // (2 * _MEGAPIXEL))
    tokens += _PARTIAL_TOKENS * getattr(wish, "partial_images", 0)
    drawn = ((IMAGE, count), (STEP, count * steps_of(wish)))
    leaves = ((INPUT, read), (IMAGE_OUTPUT, count * tokens), *drawn)
    is_known = quality in _MOST_TOKENS or quality in _USUAL
    qualifiers = image_qualifiers(getattr(wish, "size", ""), quality)
    return counted(leaves, qualifiers), is_known


def _pixels(size: str) -> int:
    sides = sides_of(size)
    return _UNSAID_PIXELS if sides is None else sides[0] * sides[1]


def sides_of(size: str) -> tuple[int, int] | None:
    """Return the width and height of a size such as `1024x768`; None if it is none."""
    width, _, height = size.partition("x")
    sides = (width, height)
    if not all(each.isdecimal() and len(each) <= _MAX_DIGITS and int(each) for each in sides):
        return None
    return int(width), int(height)


def write_stream_end(end: ImageStreamEnd, usage: Quantities | None) -> None:
    """Put what a stream used into its end."""
    if usage is not None:
        end.usage.CopyFrom(usage_message(usage))


def usage_message(usage: Quantities) -> ImageUsage:
    """Return counts as OpenAI's usage of images has them."""
    read, written, seen = usage.input_tokens, usage.output_tokens, usage.count(IMAGE_INPUT)
    message = ImageUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
    # OpenAI's SDKs require them.
    message.input_tokens_details.text_tokens = read - seen
    message.input_tokens_details.image_tokens = seen
    return message
