"""From a key of an instance and its value to what carries calls."""

from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.http import Origin
from conduit_providers.auth import signer_for
from conduit_providers.catalog import Catalog
from conduit_providers.catalog.codec_types import MODELS
from conduit_providers.inbound.account_marks import TAG_LENGTH
from conduit_providers.redaction import Redactor
from conduit_providers.spec import ProviderSpec
from conduit_providers.target import Target
from conduit_router.routing.table import UpstreamKey, UpstreamTarget

_PORTS = {"http": 80, "https": 443}


class _Address(NamedTuple):
    """An address of an instance, and what is served there."""

    target: Target
    origin: Origin
    base_path: str
    operations: list[str]


class KeyBuilder:
    """Builds the keys of one instance. Those with the same address share what is known of it."""

    def __init__(
        self,
        catalog: Catalog,
        provider: Provider,
        spec: ProviderSpec,
    ) -> None:
        self._catalog = catalog
        self._provider = provider
        self._spec = spec
        # By what keys may have of their own.
        self._addresses: dict[tuple[str, str, str, str], list[_Address]] = {}

    def build(self, credential: KeyCredential | None, secret: str) -> UpstreamKey:
        """Return a key ready for calls; None where the type needs none. ConduitError if it fails.

        `secret` is the key's value.
        """
        credential = credential or KeyCredential()
        key_id, redactor = credential.id, Redactor(secret)
        is_guarded = bool(self._provider.base_url or credential.base_url)
        targets: dict[str, UpstreamTarget] = {}
        for address in self._addresses_of(credential):
            there = UpstreamTarget(
                key_id=key_id,
                target=address.target,
                signer=signer_for(self._spec.auth, secret, address.target),
                origin=address.origin,
                base_path=address.base_path,
                is_guarded=is_guarded,
                redactor=redactor,
            )
            targets |= dict.fromkeys(address.operations, there)
        return UpstreamKey(
            key_id=key_id,
            account_group=credential.provider_account_group,
            provider_name=self._provider.name,
            targets=targets,
            rotated_at=credential.rotated_at.ToNanoseconds(),
            is_retiring=credential.HasField("retires_at"),
            redactor=redactor,
            account=next((each.target.account for each in targets.values()), ""),
        )

    def _account(self, target: Target, credential: KeyCredential) -> str:
        """Return what tells an account from others, the same at each router."""
        group = credential.provider_account_group
        whose = group or str(self._provider.id)
        said = (self._spec.name, target.base_url, target.organization, target.project)
        text = "\0".join((*said, "group" if group else "instance", whose))
        return sha256(text.encode()).hexdigest()[:TAG_LENGTH]

    def _addresses_of(self, credential: KeyCredential) -> list[_Address]:
        group = credential.provider_account_group
        own = credential.base_url, credential.organization, credential.project, group
        found = self._addresses.get(own)
        if found is None:
            found = self._addresses[own] = self._resolve(credential)
        return found

    def _resolve(self, credential: KeyCredential) -> list[_Address]:
        found: dict[str, _Address] = {}
        for operation, bare in self._catalog.targets(self._provider, credential).items():
            target = replace(bare, account=self._account(bare, credential))
            # Models are listed from the table, not by the provider.
            if operation != MODELS:
                address = found.get(target.base_url)
                if address is None:
                    address = found[target.base_url] = _address(target)
                address.operations.append(operation)
        return list(found.values())


def _address(target: Target) -> _Address:
    url = urlsplit(target.base_url)
    origin = Origin(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])
    return _Address(target, origin, url.path.rstrip("/"), [])
