"""Reads what asks to store a consent: typed, as a form, or as JSON with the recording in it."""

import secrets
from collections.abc import Sequence

import orjson

from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.json_runtime import JsonError
from conduit.v1.voice_consent_form import voice_consent_spec_from_form, voice_consent_spec_to_form
from conduit.v1.voice_consent_json import voice_consent_spec_from_json, voice_consent_spec_to_json
from conduit.v1.voice_consent_pb2 import VoiceConsentSpec
from conduit.v1.voice_consent_requests_pb2 import CreateVoiceConsentStart
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Upload
from conduit_providers.uploaded_form import UploadedForm

ConsentForm = UploadedForm[VoiceConsentSpec]


def consent_form(start: CreateVoiceConsentStart, uploads: Sequence[Upload]) -> ConsentForm:
    """Return a wish with its recording. InvalidRequest if it says too little, or makes no sense."""
    match start.WhichOneof("form"):
        case "multipart":
            try:
                typed = voice_consent_spec_from_form(start.multipart)
            except JsonError as error:
                raise InvalidRequest(str(error), field=error.path) from error
            form = _form(typed=typed, multipart=start.multipart, uploads=uploads)
        case "consent":
            typed = VoiceConsentSpec()
            typed.CopyFrom(start.consent)
            form = _form(typed=typed, uploads=uploads)
        case _:
            form = _form(json=start.json)
    _check(form.typed, form.members)
    return form


def _check(wish: VoiceConsentSpec, form: MultipartForm) -> None:
    for name in ("name", "language"):
        if not getattr(wish, name).strip():
            raise InvalidRequest(f"{name} is required", field=name)
    if not wish.HasField("recording"):
        raise InvalidRequest("recording is required", field="recording")
    for member in form.members:
        if member.HasField("file") and member.name != "recording":
            raise InvalidRequest(f"{member.name} cannot be a file here", field=member.name)


def _form(
    *,
    json: bytes | None = None,
    typed: VoiceConsentSpec | None = None,
    multipart: MultipartForm | None = None,
    uploads: Sequence[Upload] = (),
) -> ConsentForm:
    return UploadedForm(
        voice_consent_spec_from_json,
        voice_consent_spec_to_json,
        orjson.dumps(voice_consent_spec_to_json(typed))
        if multipart is not None and typed
        else json,
        typed,
        to_multipart=voice_consent_spec_to_form,
        multipart=multipart,
        uploads=uploads,
        boundary=secrets.token_hex(16),
    )
