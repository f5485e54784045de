"""Requests that bring files: typed, as JSON, or a form as it was sent."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Self, TypeVar

import msgspec
from google.protobuf.message import Message

from conduit.v1.form_pb2 import Form as MultipartForm
from conduit_kernel.http import Upload
from conduit_providers.calls import Call, Form

TypedT = TypeVar("TypedT", bound=Message)


class UploadedForm(Form[TypedT], kw_only=True):
    """A request with its files."""

    # Writes the typed request as a form. JsonError if no form can say it.
    to_multipart: Callable[[TypedT], MultipartForm]
    multipart: MultipartForm | None = None
    # The bytes of the files, in the order of the request's; none where they are in the request.
    uploads: Sequence[Upload] = ()
    # Separates the parts of the form that is sent on; nobody who writes a part can know it.
    boundary: str = "conduit"

    @property
    def members(self) -> MultipartForm:
        """Return the request as a form. JsonError if no form can say it."""
        if self.multipart is None:
            self.multipart = self.to_multipart(self.typed)
        return self.multipart

    def without(self, names: Collection[str]) -> Self:
        """Return the request without some members, in the form that is sent on, too."""
        kept = super().without(names)
        if self.multipart is None:
            return kept
        left = [
            member
            for member in self.multipart.members
            if member.HasField("file") or member.name.removesuffix("[]") not in names
        ]
        return msgspec.structs.replace(kept, multipart=MultipartForm(members=left))

    @property
    def size(self) -> int:
        """Count the bytes of the files, as far as they are known."""
        inline = sum(len(member.file.content) for member in self.members.members)
        return inline + sum(upload.length or 0 for upload in self.uploads)


def uploaded_form(call: Call[Any]) -> UploadedForm[Any]:
    """Return the request of a call that may bring files."""
    assert isinstance(call.request, UploadedForm)  # noqa: S101 # their operations make no other
    return call.request
