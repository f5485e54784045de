"""The making of voices and consents as jobs, so that none stays at a provider for nobody."""

from typing import Any

from conduit_providers.codec import ConsentCodec, CreateVoiceCodec
from conduit_providers.consent_form import ConsentForm
from conduit_providers.jobs import Job, JobRequest, OneStepJobCodec
from conduit_providers.operations.create_voice import CreateVoiceCall, VoiceAnswer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse


class VoiceJobCodec(OneStepJobCodec[CreateVoiceCall, VoiceAnswer, Any]):
    """A codec of voices as one of jobs: what a job has made is deleted where nobody takes it."""

    def __init__(self, codec: CreateVoiceCodec[CreateVoiceCall, VoiceAnswer]) -> None:
        super().__init__(codec)
        self._voices = codec

    def whole(self, call: CreateVoiceCall, endpoint: Endpoint, target: Target) -> Job[VoiceAnswer]:
        """Return the job that makes a voice. UpstreamError if it fails."""
        voices = self._voices

        def deletion(response: HttpResponse) -> JobRequest:
            voice = voices.from_upstream(response, call, endpoint).typed
            return JobRequest(voices.deletion(voice.id, endpoint, target))

        request = voices.to_upstream(call, endpoint, target)
        response = yield JobRequest(request, deletion=deletion)
        return voices.from_upstream(response, call, endpoint)


def consent_job(
    codec: ConsentCodec, form: ConsentForm, endpoint: Endpoint, target: Target
) -> Job[str]:
    """Return the job that stores a consent, and comes to the provider's id of it."""

    def deletion(response: HttpResponse) -> JobRequest:
        consent_id = codec.consent_id(response, target)
        return JobRequest(codec.consent_deletion(consent_id, endpoint, target))

    request = codec.consent(form, endpoint, target)
    response = yield JobRequest(request, deletion=deletion)
    return codec.consent_id(response, target)
