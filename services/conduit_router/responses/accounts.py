"""Keeps calls to the account that keeps a response."""

from collections.abc import Iterator

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import AccountUnavailable
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_router.calls.runtime import CallRuntime
from conduit_router.responses.contents import ResponseRecord
from conduit_router.routing.table import Instance, UpstreamKey

# Calls of Responses are chats to all that chooses keys.
OPERATION = "chat"


class ResponseAccounts:
    """Knows which keys are of the account that keeps a response."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime

    def group_of(self, provider_id: int, key_id: str) -> str:
        """Return the account group of a key; empty if it has none, or is gone by now."""
        instance = self._runtime.table.instances.get(provider_id)
        keys = instance.keys if instance is not None else ()
        return next((key.account_group for key in keys if key.key_id == key_id), "")

    def bound(self, options: CallOptions | None, record: ResponseRecord, model: str) -> CallOptions:
        """Return the options of a call that goes to the account that keeps a response.

        AccountUnavailable if that has no key, or if the caller names another one.
        """
        found = CallOptions()
        if options is not None:
            found.CopyFrom(options)
        key = next(self.keys_of(record), None)
        if key is None:
            raise no_account(record, model)
        if not key.key_id:
            # Of a type that needs no key, the instance is the account.
            found.ClearField("providers")
            found.providers.append(str(record.provider_id))
            return found
        beside = self._runtime.accounts.keys_beside(key.key_id)
        if found.account_key_id and found.account_key_id not in beside:
            raise no_account(record, model)
        found.account_key_id = key.key_id
        return found

    def instance_of(self, record: ResponseRecord) -> Instance:
        """Return the instance that responded. ResponseNotFound if it is not configured any more."""
        instance = self._runtime.table.instances.get(record.provider_id)
        if instance is None:
            message = f"The provider of {record.id} is not configured any more"
            raise ResponseNotFound(message, response_id=record.id)
        return instance

    def keys_of(self, record: ResponseRecord) -> Iterator[UpstreamKey]:
        """Yield the keys of the account that keeps a response, the one that made it first."""
        keys = [key for key in self.instance_of(record).keys if OPERATION in key.targets]
        own = [key for key in keys if key.key_id == record.key_id]
        yield from own
        group = own[0].account_group if own else record.account_group
        if own or group:
            yield from (k for k in keys if k.account_group == group and k not in own)


def no_account(record: ResponseRecord, model: str) -> AccountUnavailable:
    """Return the error of a response whose account has no key."""
    message = f"No key of the account that has {record.id} can serve the call"
    return AccountUnavailable(message, model=model)
