"""Uses what was generated for `thing_service.proto`: a program that has that in its path."""

import importlib
from importlib.resources import files
from typing import Any

import orjson
import pytest

converters = importlib.import_module("conduit.v1.thing_service_json")
messages = importlib.import_module("conduit.v1.thing_service_pb2")
methods = importlib.import_module("conduit.v1.methods")
http = importlib.import_module("conduit.v1.http_routes")

THING = {
    "colours": ["DarkRed", "Azure"],
    "parts": {"lid": "Azure"},
    "counts": {"1": 10, "18446744073709551615": -1},
    "label": "red",
    "shape": "round",
    "round": {"radius": 1.5},
    "more": ["a", {"text": "b", "language": "en"}],
    "flags": [True, False],
    "note": None,
    "look": {"colour": "dark_red", "others": ["Azure", "dark_red"]},
    "any": [1],
    "ages": ["1s", "0.500s"],
    "places": ["shelf", {"x": 1, "y": 2}, 3],
    "lid": None,
    "event": {"type": "thing.turned", "x": 1, "y": 2},
}
MORE = [{"text": "a", "language": ""}, {"text": "b", "language": "en"}]


# Any: JSON.
def converted(thing: object) -> Any:  # noqa: ANN401 # JSON
    """Return a thing's JSON after it was a message."""
    return orjson.loads(orjson.dumps(converters.thing_to_json(converters.thing_from_json(thing))))


def refused(thing: object) -> str:
    """Return why a thing is refused."""
    with pytest.raises(http.JsonError) as caught:
        converters.thing_from_json(thing)
    return str(caught.value)


# Any: a route of the generated module.
def routes(rpc: str) -> dict[str, Any]:
    """Return the routes of an RPC by verb."""
    return {route.verb: route for route in http.ROUTES if route.rpc == rpc}


def use_json() -> None:
    """Read and write a thing."""
    thing = {**THING, "more": MORE}
    assert converted(thing) == thing
    assert converted({**thing, "more": "a"})["more"] == "a"
    # In the order of the numbers, whatever order they came in.
    counts = converted({**thing, "counts": {"10": 2, "9": "3"}})["counts"]
    assert list(counts.items()) == [("9", 3), ("10", 2)]
    assert refused({**thing, "counts": {"x": 1}}).startswith("counts.x must be a whole number")
    square = converted({"shape": "square", "square": {}})
    assert square["shape"] == "square"
    assert "square" not in square
    assert (square["note"], square["any"]) == (None, None)
    assert converted({"shape": "other", "other": "flat"})["other"] == "flat"
    assert converted({"shape": "square", "look": {"colour": "teal"}})["look"] == {"colour": "teal"}
    assert refused({"shape": "oval"}) == 'shape must be one of "round", "square", "other"'
    assert refused({"shape": "square", "round": {}}).startswith("round is not known here")
    assert (
        refused({"shape": "square", "colours": ["Azure", "x"]})
        == 'colours[1] must be one of "DarkRed", "Azure"'
    )
    assert refused({"shape": "square", "look": {"others": ["DarkRed"]}}).startswith(
        "look.others[0] must be one of"
    )
    assert refused({"shape": "square", "counts": {"-1": 1}}).startswith("counts.-1 must be from 0")
    assert refused({"shape": "square", "places": ["a", {"x": -1}]}).startswith(
        "places[1].x must be"
    )
    assert refused({"shape": "square", "places": [[]]}) == (
        "places[0] must be a string or an object or a whole number, not a list"
    )
    assert converted({"shape": "square", "lid": {"name": "a"}})["lid"] == {"name": "a"}
    assert "lid" not in converted({"shape": "square"})
    assert refused({"shape": "square", "event": {"type": "thing.fell"}}) == (
        'event.type must be one of "thing.turned", "rolled"'
    )
    assert refused({"shape": "square", "event": {"type": "rolled", "x": 1}}).startswith(
        "event.x is not known here"
    )
    assert refused({"shape": "square", "more": [1]}) == "more[0] must be an object, not a number"


def use_put() -> None:
    """Make requests of both rules of an RPC, and an answer."""
    put, post = routes("PutThing")["PUT"], routes("PutThing")["POST"]
    request = put.read({"name": "n"}, (), {}, b'{"shape":"square","label":"red"}')
    assert (request.name, request.thing.label.text) == ("n", "red")
    request = post.read(
        {"box": "7", "name": "a/b"}, (), {}, b'{"thing":{"shape":"square","flags":[true]}}'
    )
    assert (request.name, request.box, list(request.thing.flags)) == ("a/b", 7, [True])
    response = messages.PutThingResponse(report={"is_new": True, "size": 2, "is_old": False})
    assert put.write_report(response) == (
        b"x-thing-new: true\r\nx-thing-size: 2.000\r\nx-thing-old: false\r\n"
    )
    assert b'"flags":[]' in put.write(response)
    assert post.write(response) == b"{}"
    assert methods.METHODS["/conduit.v1.ThingService/PutThing"].idempotent


def use_find() -> None:
    """Make a request of a query."""
    query = [
        ("colours", "azure"),
        ("colours", "DarkRed"),
        ("isNew", "false"),
        ("sizes", "1.5"),
        ("age", "30"),
        ("since", "2026-11-23"),
        ("ids", "1"),
        ("ids", "2"),
        ("price", "0.03"),
    ]
    find = routes("FindThings")["GET"]
    request = find.read({}, query, {}, b"")
    assert list(request.colours) == [2, 1]
    assert request.HasField("is_new")
    assert (list(request.sizes), list(request.ids)) == ([1.5], [1, 2])
    assert (request.age.seconds, request.price_nano_usd) == (30, 30_000_000)
    assert find.access == importlib.import_module("conduit.v1.options_pb2").ACCESS_ADMINISTRATOR


def use_form() -> None:
    """Make a request of a form."""
    send = routes("SendThings")["POST"]
    form = importlib.import_module("conduit.v1.form_pb2").Form()
    form.members.add(name="picture").file.content = b"\xff"
    form.members.add(name="colours[]", value=b"Azure")
    form.members.add(name="lid", value=b"DarkRed")
    assert send.read_form({}, (), {}, form) == messages.SendThingsRequest(form=form)
    forms = importlib.import_module("conduit.v1.thing_service_form")
    typed = forms.thing_form_from_form(form)
    assert (list(typed.colours), typed.lid, typed.picture.content) == ([2], 1, b"\xff")
    assert forms.thing_form_from_form(forms.thing_form_to_form(typed)) == typed
    form.members.add(name="pictures")
    with pytest.raises(http.JsonError, match='not a member of this form; did you mean "picture"'):
        forms.thing_form_from_form(form)
    # Which are none of a form's are members of the JSON that is taken as well.
    assert list(send.read({}, (), {}, b'{"colours":["azure"]}').colours) == [2]
    assert send.success_status == 204


def use_document() -> None:
    """Find the new operations in the document."""
    document = orjson.loads(files("conduit.v1").joinpath("openapi.json").read_bytes())
    assert {"put", "post"} == {
        verb
        for path in ("/api/things/{name}", "/api/boxes/{box}/things/{name}")
        for verb in document["paths"][path]
    }
    schemas = document["components"]["schemas"]
    assert {"$ref": "#/components/schemas/Corner"}.items() <= schemas["Place"]["oneOf"][1].items()
    assert schemas["ColourAdmin"]["enum"] == ["Unspecified", "DarkRed", "Azure"]
    assert schemas["ColourOpenai"]["enum"] == ["dark_red", "Azure"]


if __name__ == "__main__":
    use_json()
    use_put()
    use_find()
    use_form()
    use_document()
