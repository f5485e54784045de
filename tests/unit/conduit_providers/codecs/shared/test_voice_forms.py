"""What a wish for a voice brings, as those who make voices are asked for it."""

import pytest

from conduit.v1.form_pb2 import FormFile, FormMember
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.voice_forms import name_of, samples_in


def file(name: str) -> FormMember:
    """Return a file."""
    return FormMember(name=name, file=FormFile(filename=f"{name}.wav"), content_type="audio/wav")


@pytest.mark.parametrize("name", ["audio_sample", "audio_sample[]"])
def test_samples_go_by_the_providers_name(name: str) -> None:
    """As they came otherwise, and those of the caller's stay as they are."""
    sample = file(name)
    found = samples_in([FormMember(name="name", value=b"Ann"), sample], "files")
    assert [(each.name, each.file.filename) for each in found] == [("files", f"{name}.wav")]
    assert (sample.name, found[0].content_type) == (name, "audio/wav")
    assert name_of(sample) == "audio_sample"


def test_other_files_are_refused() -> None:
    """Such as a recorded consent, which nobody takes."""
    with pytest.raises(InvalidRequest) as refused:
        samples_in([file("audio_sample"), file("consent_recording")], "files")
    assert refused.value.metadata["field"] == "consent_recording"
