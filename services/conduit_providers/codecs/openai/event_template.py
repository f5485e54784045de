"""Events of a stream that differ by the text of their content alone, recognised without reading."""

import re
from io import BytesIO
from operator import itemgetter

from conduit_providers.codecs.openai.contents import TEXT

# What may stand between a text's quotes, or between those of several with line ends between them.
_ARE_TEXTS = re.compile(
    rb'[^"\\\x00-\x09\x0b-\x1f]*+(?:\\["\\/bfnrtu][^"\\\x00-\x09\x0b-\x1f]*+)*+'
).fullmatch
# A stream whose events differ otherwise, too, is left in peace after so many attempts.
LESSONS = 8
_EVENT_END = b"\n\n"


class EventTemplate:
    r"""Knows one event of a stream, and recognises those that are like it.

    Events have one line here, and `\n\n` behind it. Whoever teaches one knows that it is
    well-formed and that nothing is to be done about it; both then hold for what is like it.
    """

    __slots__ = ("_begin", "_end", "_lessons", "_text_of")

    def __init__(self) -> None:
        self._lessons = LESSONS
        # What is around the text; nothing as long as there was no lesson.
        self._begin = self._end = b""
        self._text_of = itemgetter(slice(0))

    def begin_lesson(self) -> bool:
        """Return whether to look for an event to learn."""
        self._lessons -= 1
        return self._lessons >= 0

    def learn(self, event: bytes) -> None:
        """Learn an event, in place of the one before, if its content is a text."""
        if not self.begin_lesson():
            return
        begin, found, rest = event.partition(TEXT)
        end = rest.find(b'"')
        if found and _is_text(rest[:end]):
            self._begin, self._end = begin + TEXT, rest[end:]
            # Of a line, which has one line end.
            self._text_of = itemgetter(slice(len(self._begin), 1 - len(self._end)))

    def is_like(self, event: bytes) -> bool:
        """Return whether an event is like the one that was learned."""
        begin, end = self._begin, self._end
        if not begin or not event.startswith(begin) or not event.endswith(end):
            return False
        text = event[len(begin) : -len(end)]
        is_whole = len(event) >= len(begin) + len(end) and text.find(b"\n") < 0
        return is_whole and _is_text(text)

    def leading(self, block: bytes) -> tuple[int, int]:
        """Return how many events at the beginning of a block are like it, and their bytes."""
        begin, end = self._begin, self._end
        if not begin or not block.startswith(begin):
            return 0, 0
        size = block.rfind(end) + len(end)
        part = block[:size]
        # Files look for line ends many bytes at a time, `split` looks at each byte.
        lines = list(BytesIO(part))
        texts = list(map(self._text_of, lines[::2]))
        if begin + (end + begin).join(texts) + end == part and _is_text(b"\n".join(texts)):
            return len(texts), size
        return self._counted(lines)

    def _counted(self, lines: list[bytes]) -> tuple[int, int]:
        count = size = 0
        for line, blank in zip(lines[::2], lines[1::2], strict=False):
            if not self.is_like(line + blank):
                break
            count, size = count + 1, size + len(line) + len(blank)
        return count, size


def _is_text(written: bytes) -> bool:
    """Return whether bytes may stand between the quotes of a text."""
    if _ARE_TEXTS(written) is None:
        return False
    if not written.isascii():
        try:
            written.decode()
        except UnicodeDecodeError:
            return False
    return True
