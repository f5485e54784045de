"""Uses what was generated for `thing_service.proto`; run with that in the path."""

import importlib
import json
from contextlib import suppress

converters = importlib.import_module("conduit.v1.thing_service_json")
routes = importlib.import_module("conduit.v1.http_routes")
openapi = importlib.resources.files("conduit.v1").joinpath("openapi.json").read_text()
orjson = importlib.import_module("orjson")

THING = {
    "colours": ["DarkRed", "Azure"],
    "parts": {"lid": "Azure"},
    "counts": {"False": 1, "True": 2},
    "label": "red",
    "shape": "round",
    "round": {"radius": 1.5},
    "more": ["a", {"text": "b", "language": "en"}],
    "flags": [True, False],
    "note": None,
    "look": {"colour": "dark_red", "others": ["Azure", "dark_red"]},
    "any": [1],
    "ages": ["1s", "0.500s"],
}
