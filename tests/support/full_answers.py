"""Answers that say everything their SDK's type has a place for, each value another one.

A value that is then missing from what a caller gets was lost on the way.
"""

import enum
import types
import typing
from datetime import datetime
from itertools import count
from typing import Any

from botocore.model import Shape
from pydantic import BaseModel

Json = dict[str, Any]
UNION = (typing.Union, types.UnionType)
# Bytes, in base64.
BLOB = "QUJD"
DATE = "2026-11-23T12:00:00Z"
# Where counting begins: no other number in an answer, or in a date, is like these.
FIRST = 700_001
_KINDS: dict[str, type] = {
    **dict.fromkeys(("integer", "long"), int),
    **dict.fromkeys(("float", "double"), float),
}


class FullAnswer:
    """Writes one answer, and notes where each of its values stands."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self._numbers = count(FIRST)

    def of_model(self, model: type[BaseModel]) -> Json:
        """Return an answer of an SDK's type."""
        (found,) = self._of(model, (), ())
        return dict(found)

    def of_shape(self, shape: Shape) -> Json:
        """Return an answer of a shape of AWS's models."""
        return dict(self._shaped(shape, (), ())[0])

    def lost(self, written: str, answer: str) -> set[str]:
        """Return the places of values that were written, and are not in what came of it."""
        gone = (mark for mark in self.places if mark in written and mark not in answer)
        return {self.places[mark] for mark in gone}

    def _leaf(self, path: tuple[str, ...], kind: type = str) -> object:
        mark = str(next(self._numbers))
        self.places[mark] = ".".join(path)
        if kind is int:
            return int(mark)
        return float(mark) + 0.5 if kind is float else f"said {mark}"

    def _of(self, hint: Any, path: tuple[str, ...], within: tuple[object, ...]) -> list[Any]:  # noqa: ANN401 # as types are written
        """Return a value of each kind that a type allows; none where it would go on for ever."""
        origin, given = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self._of(given[0], path, within)
        if origin in UNION:
            return [value for each in given for value in self._of(each, path, within)]
        if getattr(origin, "__name__", "") in {"list", "Sequence"}:
            return [self._of(given[0], path, within)]
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return self._of_model(hint, path, within)
        return [given[0]] if origin is typing.Literal else self._plain(hint, path)

    def _plain(self, hint: Any, path: tuple[str, ...]) -> list[Any]:  # noqa: ANN401 # as above
        if hint in {str, int, float}:
            return [self._leaf(path, hint)]
        if hint in {Any, object}:
            return [self._leaf(path)]
        if dict in {hint, typing.get_origin(hint)}:
            return [{"anything": self._leaf(path)}]
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return [next(iter(hint)).value] if len(hint) else [self._leaf(path)]
        fixed: dict[object, list[Any]] = {bool: [True], bytes: [BLOB], datetime: [DATE]}
        return fixed.get(hint, [])

    def _of_model(
        self, model: type[BaseModel], path: tuple[str, ...], within: tuple[object, ...]
    ) -> list[Json]:
        if model in within or model is BaseModel:
            return []
        model.model_rebuild()
        found: Json = {}
        for name, field in model.model_fields.items():
            spelled = field.alias or name
            values = self._of(field.annotation, (*path, spelled), (*within, model))
            if values:
                found[spelled] = values[0]
        return [found]

    def _shaped(self, shape: Any, path: tuple[str, ...], within: tuple[str, ...]) -> list[Any]:  # noqa: ANN401 # botocore has no types
        """Return a value of each kind that a shape allows; none where it would go on for ever."""
        name = shape.type_name
        if name == "structure":
            return self._structure(shape, path, within)
        if name == "list":
            return [self._shaped(shape.member, path, within)]
        if name == "map":
            return [{"any": each} for each in self._shaped(shape.value, path, within)]
        if name == "string" and shape.enum:
            return [shape.enum[0]]
        fixed: dict[str, Any] = {"boolean": True, "blob": BLOB}
        return [fixed[name] if name in fixed else self._leaf(path, _KINDS.get(name, str))]

    def _structure(self, shape: Any, path: tuple[str, ...], within: tuple[str, ...]) -> list[Json]:  # noqa: ANN401 # as above
        if shape.name in within:
            return []
        if shape.is_document_type:
            return [{"anything": self._leaf(path)}]
        members = {
            name: self._shaped(member, (*path, name), (*within, shape.name))
            for name, member in shape.members.items()
        }
        if shape.is_tagged_union:
            return [{name: value} for name, values in members.items() for value in values]
        return [{name: values[0] for name, values in members.items() if values}]
