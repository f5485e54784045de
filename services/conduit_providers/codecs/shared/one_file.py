"""Requests whose body is the file that a call brings, and nothing else."""

from collections.abc import Set as AbstractSet
from typing import Any

from conduit.v1.form_pb2 import FormMember
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import Headers, HttpRequest

# What goes by another way than that of the caller's members.
_OURS = frozenset({"model", "stream"})
# Says nothing, so that the provider looks by itself.
UNKNOWN_TYPE = "application/octet-stream"


def file_request(
    call: Call[Any], path: str, headers: Headers, taken: AbstractSet[str], provider: str
) -> HttpRequest:
    """Return the request that sends a call's only file.

    Members that are not `taken` are told as dropped. InvalidRequest if there is no file, or more.
    """
    form = uploaded_form(call)
    file = only_file(call)
    drop_others(call, taken, provider)
    headers = (("content-type", _type_of(file)), *headers)
    if form.uploads:
        return HttpRequest("POST", path, headers, upload=form.uploads[0])
    return HttpRequest("POST", path, headers, file.file.content)


def only_file(call: Call[Any]) -> FormMember:
    """Return a call's only file. InvalidRequest if there is none, or more."""
    try:
        files = [each for each in uploaded_form(call).members.members if each.HasField("file")]
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error
    if len(files) != 1:
        raise InvalidRequest("A request must bring one file", field="file")
    return files[0]


def drop_others(call: Call[Any], taken: AbstractSet[str], provider: str) -> None:
    """Tell as dropped what is said beside what is taken."""
    for member in uploaded_form(call).members.members:
        name = member.name.removesuffix("[]")
        if name not in taken and name not in _OURS:
            call.drop(name, provider)


def _type_of(file: FormMember) -> str:
    # What has line breaks is no type.
    kind = file.content_type if file.content_type.isprintable() else ""
    return kind or UNKNOWN_TYPE
