"""From a configured instance and its keys to what calls are made with; off the hot path."""

import asyncio
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import structlog

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1 import decision_pb2 as pb
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.addresses import Network, read_network
from conduit_kernel.errors import (
    ConduitError,
    InvalidApiKey,
    InvalidRequest,
    ProviderTypeUnknown,
    SecretUnreadable,
)
from conduit_kernel.secrets import Vault
from conduit_providers.auth import import_auth, resolve_secret
from conduit_providers.auth.secret_files import NO_FILES, FileTexts, files_named
from conduit_providers.catalog import ABORTED_STREAMS, Catalog
from conduit_providers.catalog.codec_types import MODELS
from conduit_providers.codec import CreateVoiceCodec
from conduit_providers.codecs import codec_named
from conduit_providers.grpc_codec import GrpcCodec
from conduit_providers.inbound.serving import inbound_codec
from conduit_providers.jobs import JobCodec, OneStepJobCodec, OnlyStreamsAreJobs
from conduit_providers.operations import INBOUND
from conduit_providers.socket_codec import SocketCodec
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.voice_jobs import VoiceJobCodec
from conduit_router.routing.key_builder import KeyBuilder
from conduit_router.routing.table import Instance, ServedOperation, UpstreamKey

MadeT = TypeVar("MadeT")
# Work in small pieces: others may run after each, and the result comes at the end.
Pieces = Generator[None, None, MadeT]
_KeySource = tuple[object, ...]


class _Source(NamedTuple):
    """The parts that an instance is made from."""

    provider: bytes
    has_keys: bool
    # Of the keys that are enabled, see `_key_source`.
    keys: list[_KeySource]


class _FilesWanted(Exception):
    """A key cannot be made before files are read."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__()
        self.paths = set(paths)


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
        # Types whose modules are imported, as far as they can be.
        self._imported = set[str]()
        # What types serve, by name.
        self._served: dict[str, Mapping[str, ServedOperation]] = {}
        # Those that are whole, by id.
        self._instances: dict[int, tuple[_Source, Instance]] = {}
        # By instance, and by what they were made from.
        self._keys: dict[int, dict[_KeySource, UpstreamKey]] = {}

    def compile(
        self, provider: Provider, keys: Sequence[SnapshotKey], files: FileTexts | None
    ) -> Pieces[Instance | pb.Rejection | set[str]]:
        """Return an instance with its usable keys, or why there is none; yield between keys.

        What did not change is what it was. Without `files`, and where keys name some, the paths of
        those are the answer.
        """
        try:
            return (yield from self._instance(provider, keys, files))
        except ProviderTypeUnknown as error:
            return _rejection(provider, pb.REJECTION_REASON_TYPE_UNKNOWN, error.message)
        except ConduitError as error:
            return _rejection(provider, pb.REJECTION_REASON_MISCONFIGURED, error.message)
        except Exception as error:  # noqa: BLE001 # modules of third parties may raise anything
            # Not the error's text: it may have seen a secret.
            detail = f"the instance cannot be set up: {type(error).__name__}"
            return _rejection(provider, pb.REJECTION_REASON_MISCONFIGURED, detail)

    async def import_types(self, names: set[str]) -> None:
        """Import what types need, beside the event loop: some bring large libraries."""
        if names := names - self._imported:
            await asyncio.to_thread(self._import, names)
            self._imported |= names

    def _import(self, names: set[str]) -> None:
        for name in names:
            # Who makes an instance of the type says what is wrong with it.
            with suppress(Exception):
                spec = self._catalog.find(name)
                import_auth(spec.auth.kind)
                for operation, endpoint in spec.endpoints.items():
                    if operation != MODELS:
                        codec_named(endpoint.codec)

    def forget(self, provider_id: int) -> None:
        """Forget an instance that is gone, and its keys."""
        self._instances.pop(provider_id, None)
        self._keys.pop(provider_id, None)

    def _instance(
        self, provider: Provider, keys: Sequence[SnapshotKey], files: FileTexts | None
    ) -> Pieces[Instance | set[str]]:
        enabled = [key for key in keys if key.credential.is_enabled]
        source = yield from _source(provider, enabled, has_keys=bool(keys))
        known = self._instances.pop(provider.id, None)
        if known is not None and known[0] == source:
            self._instances[provider.id] = known
            return known[1]
        spec = self._catalog.find(provider.provider_type)
        served, unusable = self._served_by(spec)
        networks = tuple(_networks(provider))
        builder = KeyBuilder(self._catalog, provider, spec)
        usable: list[UpstreamKey] = []
        rejections: list[pb.Rejection] = []
        wanted = set[str]()
        former = self._keys.get(provider.id, {})
        lasting = self._keys[provider.id] = {}
        for key, key_source in zip(enabled, source.keys, strict=True):
            try:
                made, is_lasting = former.get(key_source), True
                if made is None:
                    made, is_lasting = self._key(provider, key, builder, files)
                usable.append(made)
                if is_lasting:
                    lasting[key_source] = made
            except _FilesWanted as error:
                wanted |= error.paths
            except Exception as error:  # noqa: BLE001 # third parties' strategies may raise anything
                rejections.append(_key_rejection(provider, key.credential.id, error))
            yield
        if wanted:
            return wanted
        if not keys and spec.auth.is_optional:
            usable.append(builder.build(None, ""))
        instance = Instance(
            provider=provider,
            spec=spec,
            keys=tuple(usable),
            rejections=tuple(rejections),
            networks=networks,
            is_guarded=bool(networks) or provider.security.require_mtls,
            served=served,
            unusable=unusable,
            has_retiring_keys=any(key.is_retiring for key in usable),
            aborted_streams=provider.aborted_streams or ABORTED_STREAMS[spec.aborted_streams],
        )
        # What is in the way of others may be gone the next time.
        if not rejections and not unusable:
            self._instances[provider.id] = source, instance
        return instance

    def _key(
        self, provider: Provider, key: SnapshotKey, builder: KeyBuilder, files: FileTexts | None
    ) -> tuple[UpstreamKey, bool]:
        """Return a key, and whether it will be the same the next time."""
        destination = self._catalog.destination(provider, key.credential)
        text = self._vault.open(key.secret, key.credential.id, destination)
        if files is None and (paths := files_named(text)):
            raise _FilesWanted(paths)
        secret = resolve_secret(text, self._env, (files or NO_FILES).read)
        # What a key only refers to may be another value then.
        return builder.build(key.credential, secret), secret == text

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
        served |= {
            name: _served_in(name, served[of]) for name, of in INBOUND.items() if of in served
        }
        if not unusable:
            self._served[spec.name] = served
        return served, unusable


def _served(endpoint: Endpoint) -> ServedOperation:
    codec = codec_named(endpoint.codec)
    if isinstance(codec, GrpcCodec | SocketCodec):
        return ServedOperation(endpoint, codec, OneStepJobCodec(codec), is_job=True)
    if isinstance(codec, CreateVoiceCodec):
        return ServedOperation(endpoint, codec, VoiceJobCodec(codec), is_job=True)
    return _served_by(codec, endpoint)


def _served_by(codec: Any, endpoint: Endpoint) -> ServedOperation:  # noqa: ANN401 # of each its own
    job_codec = codec if isinstance(codec, JobCodec) else None
    is_job = job_codec is not None and not isinstance(codec, OnlyStreamsAreJobs)
    return ServedOperation(endpoint, codec, job_codec, is_job=is_job)


def _served_in(dialect: str, served: ServedOperation) -> ServedOperation:
    """Return an operation as it is served to callers who speak another dialect than OpenAI's."""
    codec = inbound_codec(dialect, served.endpoint, served.codec)
    return _served_by(codec, served.endpoint)


def _networks(provider: Provider) -> Iterator[Network]:
    for text in provider.security.allowed_ips:
        try:
            yield read_network(text, strict=False)
        except ValueError as error:
            raise InvalidRequest(
                f"allowedIPs has {text!r}, which is no network", field="allowedIPs"
            ) from error


def _source(
    provider: Provider, enabled: Iterable[SnapshotKey], *, has_keys: bool
) -> Pieces[_Source]:
    address = (
        provider.name,
        provider.provider_type,
        provider.base_url,
        provider.settings.SerializeToString(deterministic=True),
    )
    keys: list[_KeySource] = []
    for key in enabled:
        keys.append(_key_source(address, key))
        yield
    return _Source(provider.SerializeToString(deterministic=True), has_keys, keys)


def _key_source(address: tuple[object, ...], key: SnapshotKey) -> _KeySource:
    """Return what a key is made from, apart from when it was used and the like."""
    credential, secret = key.credential, key.secret
    return (
        address,
        credential.id,
        credential.base_url,
        credential.organization,
        credential.project,
        credential.provider_account_group,
        credential.rotated_at.ToNanoseconds(),
        secret.wrapped_data_key,
        secret.ciphertext,
        secret.destination,
    )


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
