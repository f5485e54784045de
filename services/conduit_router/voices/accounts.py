"""Keeps calls to the account that has a voice, or a consent to one."""

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import AccountUnavailable
from conduit_kernel.not_found_errors import NotFound, VoiceConsentNotFound, VoiceNotFound
from conduit_router.calls.runtime import CallRuntime
from conduit_router.routing.table import UpstreamKey
from conduit_router.voices.deletion import Made, keys_of


class VoiceAccounts:
    """Knows which keys are of the account that has something."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime

    def bind(self, options: CallOptions, made: Made, model: str) -> None:
        """Have the options of a call keep it to the account that has something.

        AccountUnavailable if that has no key, or if the caller names another one.
        """
        key = self._key_of(made, model)
        if not key.key_id:
            # Of a type that needs no key, the instance is the account.
            options.ClearField("providers")
            options.providers.append(str(made.provider_id))
            return
        named = options.account_key_id
        if named and not self._is_beside(key.key_id, named):
            raise _no_account(made, model)
        options.account_key_id = key.key_id

    def check(self, made: Made, provider_id: int, key_id: str) -> None:
        """Raise AccountUnavailable unless a key of a session is of a voice's account."""
        key = self._key_of(made, "")
        is_of_it = (
            self._is_beside(key.key_id, key_id) if key.key_id else provider_id == made.provider_id
        )
        if not is_of_it:
            message = f"This session is not with the account that has the voice {made.id}"
            hint = "name it as `voice` where the session begins"
            raise AccountUnavailable(f"{message}: {hint}", model="")

    def _key_of(self, made: Made, model: str) -> UpstreamKey:
        instance = self._runtime.table.instances.get(made.provider_id)
        if instance is None:
            raise _gone(made)
        key = next(keys_of(made, instance), None)
        if key is None:
            raise _no_account(made, model)
        return key

    def _is_beside(self, key_id: str, other_id: str) -> bool:
        return key_id in self._runtime.accounts.keys_beside(other_id)


def _no_account(made: Made, model: str) -> AccountUnavailable:
    message = f"No key of the account that has {made.id} can serve the call"
    return AccountUnavailable(message, model=model)


def _gone(made: Made) -> NotFound:
    message = f"The provider of {made.id} is not configured any more"
    if isinstance(made, MadeVoice):
        return VoiceNotFound(message, voice_id=made.id)
    return VoiceConsentNotFound(message, consent_id=made.id)
