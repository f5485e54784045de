"""The wire cases: calls, what is sent for them, what came back, and what callers get.

`tests/wire/<provider type>/<operation>/<case>.case`, and `tests/wire/_shared/<dialect>/...` for
failures that are of no provider type alone. docs/adding-a-provider.md says what is in one.
"""

import base64
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import orjson
from tests.support.case_file import CaseFile
from tests.support.eventstream import framed

WIRE = Path(__file__).parents[1] / "wire"
SHARED = "_shared"
SUFFIX = ".case"
# The key that the cases are signed with.
SECRET = "wire-secret-0123456789"
FRAMES = "application/vnd.amazon.eventstream"
Json = dict[str, Any]


class HttpMessage(NamedTuple):
    """A request or an answer: its first line, its headers by small names, its body."""

    first: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "HttpMessage":
        """Read a message as a case has it."""
        head, _, body = raw.partition(b"\n\n")
        first, *lines = head.decode().splitlines()
        pairs = (line.partition(":") for line in lines)
        return cls(first, {name.lower(): value.strip() for name, _, value in pairs}, body)

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.first.split(" ")[0]

    @property
    def path(self) -> str:
        """The path and the query of a request, as they are below the host."""
        address = urlsplit(self.first.split(" ")[1])
        return urlunsplit(("", "", address.path, address.query, ""))

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first.split()[1])

    @property
    def media_type(self) -> str:
        """The content type, in small letters."""
        return self.headers.get("content-type", "").lower()


class WireCase:
    """One case. What is JSON is read anew each time, so that nobody changes another's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        is_shared = path.parents[2].name == SHARED
        # A dialect if it is shared, or else nothing.
        self.dialect = path.parents[1].name if is_shared else ""
        # The provider type, or `_shared/<dialect>`.
        self.owner = f"{SHARED}/{self.dialect}" if is_shared else path.parents[1].name
        self.operation = path.parent.name
        self.name = f"{self.owner}/{self.operation}/{path.stem}"
        self.file = CaseFile.parse(path.read_bytes())
        self.front: Json = tomllib.loads(self.file.front.decode())
        self.source: str = self.front["source"]
        self.model: str = self.front.get("model", "")
        self.settings: dict[str, str] = self.front.get("settings", {})

    @property
    def operations(self) -> list[str]:
        """Its own operation, and those of its provider type that are answered so too."""
        return [self.operation, *self.front.get("also", [])]

    @property
    def codecs(self) -> list[str]:
        """The codecs that read a shared answer."""
        return list(self.front.get("codecs", [f"{self.dialect}_{self.operation}"]))

    @property
    def places(self) -> list[str]:
        """`<provider type>/<operation>` of all whose answer it is known to be."""
        if self.dialect:
            return list(self.front.get("recorded", []))
        return [f"{self.owner}/{operation}" for operation in self.operations]

    @property
    def request(self) -> Json:
        """OpenAI's JSON, as a caller sends it; empty where a list of models is asked for."""
        return self._document("request")

    @property
    def fetched(self) -> dict[str, tuple[str, bytes]]:
        """What is behind URLs: media type and content."""
        fetched = self.front.get("fetched", {}).items()
        return {url: (kind, base64.b64decode(content)) for url, (kind, content) in fetched}

    @property
    def is_sent(self) -> bool:
        """Whether a request goes out; it may be refused before."""
        return "sent" in self.file.parts

    @property
    def sent(self) -> HttpMessage:
        """The signed request, with its whole URL. KeyError if none goes out."""
        return HttpMessage.parse(self.file.parts["sent"].content)

    @property
    def received(self) -> HttpMessage:
        """The answer, as the file has it: AWS's events as server-sent ones."""
        return HttpMessage.parse(self.file.parts["received"].content)

    @property
    def is_of_events(self) -> bool:
        """Whether the answer is events, lines or frames, which say themselves that they end."""
        kind = self.received.media_type
        return not kind.startswith(("application/json", "application/octet-stream", "audio/"))

    @property
    def answer(self) -> HttpMessage:
        """The answer, as the provider sends it: AWS's events in their frames."""
        found = self.received
        return found._replace(body=framed(found.body)) if found.media_type == FRAMES else found

    @property
    def result(self) -> Json:
        """What the caller gets; empty of a case whose expected side is yet to be written."""
        return self._document("result")

    def _document(self, name: str) -> Json:
        part = self.file.parts.get(name)
        return dict(orjson.loads(part.content)) if part else {}


@cache
def case_at(path: Path) -> WireCase:
    """Return the case in a file."""
    return WireCase(path)


def case_named(name: str) -> WireCase:
    """Return a case by its name: `<provider type>/<operation>/<case>`."""
    return case_at(WIRE / f"{name}{SUFFIX}")


def cases(names: str = "*/*/*", root: Path = WIRE) -> list[WireCase]:
    """Return the cases of provider types whose names match a pattern."""
    return [case_at(path) for path in sorted(root.glob(f"{names}{SUFFIX}"))]


def shared_cases(root: Path = WIRE) -> list[WireCase]:
    """Return the cases of dialects."""
    return cases(f"{SHARED}/*/*/*", root)


def all_cases(root: Path = WIRE) -> list[WireCase]:
    """Return the cases of provider types and of dialects."""
    return cases(root=root) + shared_cases(root)


def cases_of(place: str, among: Iterable[WireCase]) -> list[WireCase]:
    """Return the cases that show what `<provider type>/<operation>` does."""
    return [case for case in among if place in case.places]
