"""From a configured instance and its keys to what calls are made with; off the hot path."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from urllib.parse import urlsplit

import structlog

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1 import decision_pb2 as pb
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import (
    ConduitError,
    InvalidApiKey,
    InvalidRequest,
    ProviderTypeUnknown,
    SecretUnreadable,
)
from conduit_kernel.http import Origin
from conduit_kernel.secrets import Vault
from conduit_providers.auth import Signer, resolve_secret, signer_for
from conduit_providers.auth.secret_files import FileTexts, files_named
from conduit_providers.catalog import Catalog
from conduit_providers.catalog.codec_types import MODELS
from conduit_providers.codecs import codec_named
from conduit_providers.jobs import JobCodec
from conduit_providers.redaction import Redactor
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.target import Target
from conduit_router.routing.table import (
    Instance,
    Network,
    ServedOperation,
    UpstreamKey,
    UpstreamTarget,
)

_PORTS = {"http": 80, "https": 443}


class Compiler:
    """Makes instances, reusing those and the keys that did not change.

    One instance that cannot be made is a `Rejection` that says why, and no concern of the others.
    """

    def __init__(self, catalog: Catalog, vault: Vault, env: Mapping[str, str]) -> None:
        """Take the environment, where the secrets are that keys only refer to."""
        self._catalog = catalog
        self._vault = vault
        self._env = env
        self._log = structlog.get_logger("router")
        # What types serve, by name.
        self._served: dict[str, Mapping[str, ServedOperation]] = {}
        # By instance id and by key id, with what they were made from.
        self._instances: dict[int, tuple[bytes, Instance | pb.Rejection]] = {}
        self._keys: dict[tuple[int, str], tuple[bytes, UpstreamKey]] = {}

    def known(self, provider: Provider, keys: Sequence[SnapshotKey]) -> Instance | None:
        """Return what was made of an instance before, if it did not change and is whole."""
        known = self._instances.get(provider.id)
        if known is None or known[0] != _source(provider, keys):
            return None
        made = known[1]
        # What was in the way may be gone by now.
        if not isinstance(made, Instance) or made.rejections or made.unusable:
            return None
        return made

    def files_of(self, keys: Iterable[SnapshotKey]) -> set[str]:
        """Return the paths of the files that keys name."""
        found = set[str]()
        for key in keys:
            if key.credential.is_enabled:
                try:
                    text = self._vault.open(key.secret, key.credential.id)
                except ConduitError:
                    # Compiling the key reports it.
                    continue
                found.update(files_named(text))
        return found

    def compile(
        self, provider: Provider, keys: Sequence[SnapshotKey], files: FileTexts
    ) -> Instance | pb.Rejection:
        """Return an instance with its usable keys, or why there is none.

        `files` has the texts of `files_of`.
        """
        try:
            made: Instance | pb.Rejection = self._instance(provider, keys, files)
        except ProviderTypeUnknown as error:
            made = _rejection(provider, pb.REJECTION_REASON_TYPE_UNKNOWN, error.message)
        except ConduitError as error:
            made = _rejection(provider, pb.REJECTION_REASON_MISCONFIGURED, error.message)
        except Exception as error:  # noqa: BLE001 # modules of third parties may raise anything
            # Not the error's text: it may have seen a secret.
            detail = f"the instance cannot be set up: {type(error).__name__}"
            made = _rejection(provider, pb.REJECTION_REASON_MISCONFIGURED, detail)
        if isinstance(made, pb.Rejection):
            self._log.warning("provider_unusable", provider_id=provider.id, reason=made.detail)
        self._instances[provider.id] = (_source(provider, keys), made)
        return made

    def forget(self, provider_id: int) -> None:
        """Forget an instance that is gone, and its keys."""
        self._instances.pop(provider_id, None)
        for known in [each for each in self._keys if each[0] == provider_id]:
            del self._keys[known]

    def _instance(
        self, provider: Provider, keys: Sequence[SnapshotKey], files: FileTexts
    ) -> Instance:
        spec = self._catalog.find(provider.provider_type)
        served, unusable = self._served_by(spec)
        networks = tuple(_networks(provider))
        usable: list[UpstreamKey] = []
        rejections: list[pb.Rejection] = []
        for key in keys:
            if not key.credential.is_enabled:
                continue
            try:
                usable.append(self._key(provider, spec, key, files))
            except Exception as error:  # noqa: BLE001 # third parties' strategies may raise anything
                why = _key_rejection(provider, key.credential.id, error)
                self._log.warning("key_unusable", key_id=why.key_id, reason=why.detail)
                rejections.append(why)
        if not keys and spec.auth.is_optional:
            usable.append(self._upstream_key(provider, spec, None, ""))
        return Instance(
            provider=provider,
            spec=spec,
            keys=tuple(usable),
            rejections=tuple(rejections),
            networks=networks,
            served=served,
            unusable=unusable,
        )

    def _key(
        self, provider: Provider, spec: ProviderSpec, key: SnapshotKey, files: FileTexts
    ) -> UpstreamKey:
        name = provider.id, key.credential.id
        source = _key_source(provider, key)
        known = self._keys.get(name)
        if known is not None and known[0] == source:
            return known[1]
        text = self._vault.open(key.secret, key.credential.id)
        secret = resolve_secret(text, self._env, files.read)
        made = self._upstream_key(provider, spec, key, secret)
        if secret == text:
            # What a key only refers to may be another value next time.
            self._keys[name] = (source, made)
        return made

    def _upstream_key(
        self, provider: Provider, spec: ProviderSpec, key: SnapshotKey | None, secret: str
    ) -> UpstreamKey:
        credential = key.credential if key else None
        key_id = credential.id if credential else ""
        is_guarded = bool(provider.base_url or (credential and credential.base_url))
        redactor = Redactor(secret)
        made: dict[str, UpstreamTarget] = {}
        targets: dict[str, UpstreamTarget] = {}
        for operation, target in self._catalog.targets(provider, credential).items():
            # Models are listed from the table, not by the provider.
            if operation == MODELS:
                continue
            there = made.get(target.base_url)
            if there is None:
                signer = signer_for(spec.auth, secret, target)
                there = made[target.base_url] = _upstream_target(
                    key_id, target, signer, redactor, is_guarded=is_guarded
                )
            targets[operation] = there
        return UpstreamKey(
            key_id=key_id,
            account_group=credential.provider_account_group if credential else "",
            provider_name=provider.name,
            targets=targets,
            rotated_at=credential.rotated_at.ToNanoseconds() if credential else 0,
            redactor=redactor,
        )

    def _served_by(
        self, spec: ProviderSpec
    ) -> tuple[Mapping[str, ServedOperation], Mapping[str, str]]:
        """Return what a type serves, and why not what else it should."""
        known = self._served.get(spec.name)
        if known is not None:
            return known, {}
        served: dict[str, ServedOperation] = {}
        unusable: dict[str, str] = {}
        for operation, endpoint in spec.endpoints.items():
            if operation == MODELS:
                continue
            try:
                served[operation] = _served(endpoint)
            except InvalidRequest as error:
                unusable[operation] = f"{spec.name} cannot serve {operation}: {error.message}"
                self._log.warning("operation_unusable", reason=unusable[operation])
        if not unusable:
            self._served[spec.name] = served
        return served, unusable


def _served(endpoint: Endpoint) -> ServedOperation:
    codec = codec_named(endpoint.codec)
    job_codec = codec if isinstance(codec, JobCodec) else None
    return ServedOperation(endpoint, codec, job_codec)


def _upstream_target(
    key_id: str, target: Target, signer: Signer, redactor: Redactor, *, is_guarded: bool
) -> UpstreamTarget:
    url = urlsplit(target.base_url)
    return UpstreamTarget(
        key_id=key_id,
        target=target,
        signer=signer,
        origin=Origin(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme]),
        base_path=url.path.rstrip("/"),
        is_guarded=is_guarded,
        redactor=redactor,
    )


def _networks(provider: Provider) -> Iterator[Network]:
    for text in provider.security.allowed_ips:
        try:
            yield ip_network(text, strict=False)
        except ValueError as error:
            raise InvalidRequest(f"allowedIPs has {text!r}, which is no network") from error


def _source(provider: Provider, keys: Iterable[SnapshotKey]) -> bytes:
    """Return what an instance is made from."""
    parts = [provider.SerializeToString(deterministic=True)]
    parts += [key.SerializeToString(deterministic=True) for key in keys]
    return b"".join(parts)


def _key_source(provider: Provider, key: SnapshotKey) -> bytes:
    """Return what a key is made from, apart from when it was used and the like."""
    address = Provider(
        name=provider.name,
        provider_type=provider.provider_type,
        base_url=provider.base_url,
        settings=provider.settings,
    )
    credential = key.credential
    own = SnapshotKey(secret=key.secret)
    own.credential.base_url = credential.base_url
    own.credential.organization = credential.organization
    own.credential.project = credential.project
    own.credential.provider_account_group = credential.provider_account_group
    own.credential.rotated_at.CopyFrom(credential.rotated_at)
    return _source(address, [own])


def _rejection(
    provider: Provider, reason: pb.RejectionReason.ValueType, detail: str, key_id: str = ""
) -> pb.Rejection:
    return pb.Rejection(
        provider_id=provider.id,
        provider_name=provider.name,
        key_id=key_id,
        reason=reason,
        detail=detail,
    )


def _key_rejection(provider: Provider, key_id: str, error: Exception) -> pb.Rejection:
    if not isinstance(error, ConduitError):
        # Not the error's text: it may have seen the key.
        detail = f"the key cannot be set up: {type(error).__name__}"
        return _rejection(provider, pb.REJECTION_REASON_MISCONFIGURED, detail, key_id)
    if isinstance(error, SecretUnreadable | InvalidApiKey):
        reason = pb.REJECTION_REASON_KEY_UNREADABLE
    else:
        reason = pb.REJECTION_REASON_MISCONFIGURED
    return _rejection(provider, reason, error.message, key_id)
