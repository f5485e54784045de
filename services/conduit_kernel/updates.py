"""What an update says beside its values: which fields it changes, and what it builds on."""

import base64
import difflib
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from conduit_kernel.errors import EtagMismatch, InvalidRequest

ALL_FIELDS = "*"
MAX_QUOTED = 100
# Of a hash; nine bytes are twelve characters.
_ETAG_BYTES = 9

SpecT = TypeVar("SpecT", bound=Message)


def select(spec: SpecT, mask: FieldMask) -> tuple[SpecT, list[str]]:
    """Return a spec less the fields that a mask does not name, and those that it takes back.

    Without a mask the spec's own fields are what changes. InvalidRequest if the mask names a field
    that the spec does not have.
    """
    if not mask.paths:
        return spec, []
    known = spec.DESCRIPTOR.fields_by_name
    named = set(known) if ALL_FIELDS in mask.paths else set(mask.paths)
    for path in mask.paths:
        if path not in known and path != ALL_FIELDS:
            raise _unknown(path, list(known))
    chosen = type(spec)()
    chosen.CopyFrom(spec)
    for name in known:
        if name not in named:
            chosen.ClearField(name)
    given = {field.name for field, _ in chosen.ListFields()}
    return chosen, [name for name in known if name in named - given]


def defaults(
    spec: Message, unset: Iterable[str], known: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what fields that are taken back go to. InvalidRequest if one of them may not be.

    `known` has, for each field that may be, the values that stand for its default.
    """
    values: dict[str, Any] = {}
    for name in unset:
        if name not in known:
            member = spec.DESCRIPTOR.fields_by_name[name].json_name
            raise InvalidRequest(f"{member} cannot be unset or empty", field=member)
        values |= known[name]
    return values


def etag_of(message: Message) -> str:
    """Return what names the state of a resource: a hash of all that the message says."""
    data = message.SerializeToString(deterministic=True)
    digest = hashlib.blake2b(data, digest_size=_ETAG_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


def must_match(etag: str, current: str) -> None:
    """Raise EtagMismatch unless an update builds on the current state, or on whichever it is."""
    if etag and etag != current:
        raise EtagMismatch("It was changed since it was read", field="etag", etag=current)


def _unknown(path: str, known: list[str]) -> InvalidRequest:
    shown = path[:MAX_QUOTED]
    near = difflib.get_close_matches(shown, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    message = f"updateMask names {shown!r}, which is no field of the spec{hint}"
    return InvalidRequest(message, field="updateMask")
