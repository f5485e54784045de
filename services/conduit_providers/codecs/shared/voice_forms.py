"""What is asked of those who make voices: the members of the form, and its samples."""

from conduit.v1.form_pb2 import FormMember
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operations.create_voice import CreateVoiceCall
from conduit_providers.uploaded_form import uploaded_form

SAMPLE_MEMBER = "audio_sample"


def members_of(call: CreateVoiceCall) -> list[FormMember]:
    """Return the members of a wish as a form has them. InvalidRequest if no form can say it."""
    try:
        return [*uploaded_form(call).members.members]
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error


def name_of(member: FormMember) -> str:
    """Return a member's name, without the brackets by which some clients mark lists."""
    return member.name.removesuffix("[]")


def samples_in(members: list[FormMember], name: str) -> list[FormMember]:
    """Return the samples under a provider's name of them. InvalidRequest if other files came."""
    found = []
    for member in members:
        if member.HasField("file"):
            if name_of(member) != SAMPLE_MEMBER:
                message = f"{member.name} cannot be a file here"
                raise InvalidRequest(message, field=member.name)
            sample = FormMember()
            sample.CopyFrom(member)
            sample.name = name
            found.append(sample)
    return found
