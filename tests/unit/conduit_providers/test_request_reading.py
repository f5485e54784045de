"""Requests read by an operation, and how those that cannot be are refused."""

import msgspec
import pytest
from tests.support.nonsense import deep

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.request_reading import BOUNDING, RequestReader, refuse_other_bounds


class Inner(msgspec.Struct):
    """A member of a request."""

    kind: str


class Request(msgspec.Struct):
    """A request with the model that it is for."""

    model: str
    parts: list[Inner] = []
    limit: int | None = None


READER = RequestReader(Request)


def test_members_that_are_not_needed_are_passed_over() -> None:
    """Whatever they are."""
    found = READER.read('{"new":{"a":[1,"ü"]},"model":"m","parts":[{"kind":"k","x":1}]}'.encode())
    assert (found.model, found.parts[0].kind, found.limit) == ("m", "k", None)
    assert isinstance(found, Request)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"{}", "model", "model is required"),
        (b'{"model":7}', "model", "model: expected str, got int"),
        (b'{"model":"m","limit":"x"}', "limit", "limit: expected int | null, got str"),
        (b'{"model":"m","parts":[{"kind":"k"},{}]}', "parts[1].kind", "parts[1].kind is required"),
        (b'{"model":"m","parts":7}', "parts", "parts: expected array, got int"),
        (b"[]", "", "The body: expected object, got array"),
        (b'{"model":"m","MODEL":"n"}', "MODEL", 'MODEL is not known here; did you mean "model"?'),
        (b'{"model":"m","Model":null}', "Model", 'Model is not known here; did you mean "model"?'),
    ],
)
def test_a_wrong_member_is_named(body: bytes, field: str, message: str) -> None:
    """As callers write it."""
    with pytest.raises(InvalidRequest) as refused:
        READER.read(body)
    assert refused.value.metadata["field"] == field
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("body", "position"),
    [(b"", None), (b'{"model"', None), (b"nonsense", "4"), (b'{"model":"m"} x', "15"),
     (b'{"model":"m","x":"\xff"}', "18"), (b'{"model":"m\xff"}', "11")],
)  # fmt: skip
def test_what_is_no_json_says_where_it_ends(body: bytes, position: str | None) -> None:
    """Where that is known; also in what is passed over, which reaches the provider."""
    with pytest.raises(MalformedJson) as refused:
        READER.read(body)
    assert refused.value.metadata.get("position") == position


def test_what_is_nested_too_deep_is_refused() -> None:
    """Before the reader gives up on it."""
    with pytest.raises(InvalidRequest, match="nested more than"):
        READER.read(b'{"model":"m","x":%b}' % deep(5000))


def test_a_word_like_the_models_in_a_text_is_no_member() -> None:
    """Nor one inside of another object."""
    body = b'{"model":"m","x":{"Model":"n"},"y":"\\"MODEL\\":"}'
    assert READER.read(body).model == "m"


@pytest.mark.parametrize("name", sorted(BOUNDING))
def test_bounds_have_one_spelling(name: str) -> None:
    """However the other one is escaped; what stands within members and texts is none of them."""
    for spelling in (name.upper(), name.capitalize(), name.replace("k", "\u212a").upper()):
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in spelling)
        for written in (spelling, escaped):
            body = f'{{"model":"m","{name}":1,"{written}":9}}'.encode()
            with pytest.raises(InvalidRequest, match=f'did you mean "{name}"') as refused:
                refuse_other_bounds(body)
            assert refused.value.metadata["field"] == spelling
    within = f'{{"topP":1,"{name}":1,"x":{{"{name.upper()}":9}},"y":"{name.upper()}"}}'
    refuse_other_bounds(within.encode())
    refuse_other_bounds(b"{}")
