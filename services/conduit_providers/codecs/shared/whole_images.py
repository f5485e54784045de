"""Streams of images out of whole answers, for providers that send no drafts."""

from collections.abc import Callable, Iterator
from typing import Any

from conduit_providers.calls import Call
from conduit_providers.codecs.shared.whole_answer import WholeAnswerDecoder
from conduit_providers.images import ImageAnswer, ImageEvents, Json, completed_events
from conduit_providers.wire import HttpResponse


class WholeImageDecoder(WholeAnswerDecoder[ImageAnswer, ImageEvents]):
    """Waits for the whole answer, and says its images as events."""

    def __init__(
        self, call: Call[Any], kind: str, read: Callable[[HttpResponse], ImageAnswer]
    ) -> None:
        """Take the call, whose events they are (`image_generation`), and what reads an answer."""
        super().__init__(call, ImageEvents, read)
        self._kind = kind
        self._created = call.created

    def _events(self, answer: ImageAnswer) -> Iterator[Json]:
        return completed_events(answer, self._kind, self._created)
