"""The provider types that this installation knows.

They are the TOML files beside this module, in a folder of the operator's own, and in folders that
other packages bring.

Another package adds types with an entry point of the group `conduit.provider_types`: a function
without arguments that returns the path of a folder.
"""

import difflib
import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import urlsplit

from google.protobuf.struct_pb2 import Value

from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import (
    ABORTED_STREAM_POLICY_ESTIMATE,
    ABORTED_STREAM_POLICY_READ_TO_END,
    Provider,
)
from conduit.v1.provider_type_pb2 import (
    ProviderType,
    ProviderTypeAuth,
    ProviderTypeOperation,
    ProviderTypeSetting,
)
from conduit_kernel.errors import InvalidRequest, ProviderTypeUnknown
from conduit_kernel.settings import Settings
from conduit_providers.catalog.codec_types import LISTS
from conduit_providers.catalog.reader import read_spec
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.target import Target, places_in

ENTRY_POINTS = "conduit.provider_types"
_PORTS = {"http": 80, "https": 443}
# What types say of aborted streams, as the contract has it.
ABORTED_STREAMS = {
    "estimate": ABORTED_STREAM_POLICY_ESTIMATE,
    "read_to_end": ABORTED_STREAM_POLICY_READ_TO_END,
}
_REGIONS = frozenset({"region", "location"})
# How many near spellings an error suggests.
SUGGESTIONS = 3


class Catalog:
    """Provider types by name."""

    def __init__(
        self, specs: Iterable[ProviderSpec], base_urls: Mapping[str, str] | None = None
    ) -> None:
        """Take the types, and addresses that go before theirs.

        ValueError if two types share a name.
        """
        self.specs: tuple[ProviderSpec, ...] = tuple(sorted(specs, key=lambda s: s.name.lower()))
        self._base_urls = {name.lower(): url for name, url in (base_urls or {}).items()}
        self._by_name: dict[str, ProviderSpec] = {}
        for spec in self.specs:
            for name in (spec.name, *spec.other_names):
                other = self._by_name.setdefault(name.lower(), spec)
                if other is not spec:
                    raise ValueError(f"{name} names both {other.name} and {spec.name}")

    def find(self, name: str) -> ProviderSpec:
        """Return the type of this name, in any spelling. ProviderTypeUnknown if there is none."""
        spec = self._by_name.get(name.lower())
        if spec is None:
            raise ProviderTypeUnknown(
                f"There is no provider type {name[:100]!r}; {self._suggestion(name)}",
                field="providerType",
                provider_type=name[:100],
            )
        return spec

    def target(self, provider: Provider, credential: KeyCredential | None = None) -> Target:
        """Return where calls to an instance with one of its keys go.

        InvalidRequest if it has no address, or a setting too many or too few.
        """
        spec = self.find(provider.provider_type)
        key = credential or KeyCredential()
        settings = _settings(spec, provider)
        given = key.base_url or provider.base_url or self._base_urls.get(spec.name.lower())
        target = Target(
            provider_name=provider.name,
            provider_type=spec.name,
            base_url=given or spec.base_url_for(settings),
            settings=settings,
            organization=key.organization,
            project=key.project,
        )
        url = _checked_url(target.fill(target.base_url), provider.name)
        return replace(target, base_url=_shortened(spec, url))

    def destination(self, provider: Provider, credential: KeyCredential | None = None) -> str:
        """Return where the value of a key may be sent. ProviderTypeUnknown without the type.

        It is the origin of the address that operators gave, or the type whose own address it is.
        """
        spec, settings = self.find(provider.provider_type), dict(provider.settings)
        given = (credential.base_url if credential else "") or provider.base_url
        template = given or spec.base_url
        # Of regions each is the provider's own.
        named = sorted(set(places_in(template)) - _REGIONS)
        who = "".join(f" {name}={settings.get(name)}" for name in named)
        if not given:
            return f"{spec.name}{who}"
        parts = urlsplit(given)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}{who}"

    def targets(
        self, provider: Provider, credential: KeyCredential | None = None
    ) -> dict[str, Target]:
        """Return where calls to an instance with one of its keys go, by operation.

        InvalidRequest if it has no address, or a setting too many or too few.
        """
        target = self.target(provider, credential)
        endpoints = self.find(provider.provider_type).endpoints
        return {name: self.target_of(target, endpoint) for name, endpoint in endpoints.items()}

    def target_of(self, target: Target, endpoint: Endpoint) -> Target:
        """Return where calls to one endpoint of an instance go: some have an address of their own.

        An address that the operator has given goes before it.
        """
        own = endpoint.base_url_for(target.settings)
        if not own:
            return target
        spec = self.find(target.provider_type)
        usual = target.fill(spec.base_url_for(target.settings)).rstrip("/")
        if target.base_url != _shortened(spec, usual):
            return target
        return replace(target, base_url=target.fill(own))

    def operations_of(self, provider_type: str, model: str) -> list[str]:
        """Return what a model of a type is for, in order; nothing without the type."""
        try:
            found = self.find(provider_type).operations_of(model)
        except ProviderTypeUnknown:
            return []
        return sorted(found - LISTS.keys())

    def base_url(self, spec: ProviderSpec) -> str:
        """Return the address for instances that name none; may be empty or have places."""
        return self._base_urls.get(spec.name.lower(), spec.base_url)

    def to_proto(self, spec: ProviderSpec) -> ProviderType:
        """Return a type as the API shows it."""
        return ProviderType(
            name=spec.name,
            display_name=spec.display_name,
            other_names=spec.other_names,
            base_url=self.base_url(spec),
            auth=ProviderTypeAuth(
                kind=spec.auth.kind,
                description=spec.auth.description,
                is_optional=spec.auth.is_optional,
            ),
            settings=[
                ProviderTypeSetting(
                    name=setting.name,
                    description=setting.description,
                    is_required=setting.is_required,
                    default_value=setting.default,
                )
                for setting in spec.settings
            ],
            operations=[
                ProviderTypeOperation(name=name, capabilities=sorted(endpoint.capabilities))
                for name, endpoint in sorted(spec.endpoints.items())
            ],
            sources=spec.sources,
            checked_on=spec.checked_on.isoformat(),
            aborted_streams=ABORTED_STREAMS[spec.aborted_streams],
        )

    def _suggestion(self, name: str) -> str:
        near = difflib.get_close_matches(name.lower(), self._by_name, SUGGESTIONS)
        names = dict.fromkeys(self._by_name[each].name for each in near)
        if names:
            return f"did you mean {' or '.join(names)}?"
        return f"there are {', '.join(spec.name for spec in self.specs)}"


def load_catalog(
    extra: Path | None = None, *, base_urls: Mapping[str, str] | None = None
) -> Catalog:
    """Read all types. `base_urls` gives types addresses that their files cannot know.

    ValueError, naming the file and the key, if a file is not right.
    """
    folders = [Path(point.load()()) for point in entry_points(group=ENTRY_POINTS)]
    if extra is not None:
        folders.append(extra)
    brought = (spec for folder in folders for spec in _specs_in(folder))
    return Catalog((*_shipped_specs(), *brought), base_urls)


def configured_catalog(settings: Settings) -> Catalog:
    """Read all types as the settings have them: the operator's folder, the simulator's address.

    ValueError, naming the setting or the file, if there is no such folder or a file is not right.
    """
    if settings.catalog_dir is not None and not settings.catalog_dir.is_dir():
        wrong = f"{settings.catalog_dir} is no folder. Make it, or take the setting away"
        raise ValueError(f"CONDUIT_CATALOG_DIR: {wrong}")
    return load_catalog(
        settings.catalog_dir, base_urls={"Simulator": f"{settings.simulator_url}/v1"}
    )


@functools.cache
def _shipped_specs() -> tuple[ProviderSpec, ...]:
    """Read the files beside this module: once, since services of one process share them."""
    return tuple(_specs_in(files(__name__)))


def _specs_in(folder: Traversable) -> Iterator[ProviderSpec]:
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            yield read_spec(file)


def _shortened(spec: ProviderSpec, url: str) -> str:
    for ending in spec.base_url_endings:
        url = url.removesuffix(ending)
    return url


def _settings(spec: ProviderSpec, provider: Provider) -> dict[str, str]:
    known = {setting.name: setting for setting in spec.settings}
    given = {
        name: _setting_text(name, value, provider.name)
        for name, value in provider.settings.fields.items()
    }
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none at all"
            raise InvalidRequest(
                f"{spec.name} has no setting {name[:100]!r}; it has {names}",
                field=f"settings.{name[:100]}",
            )
    for name, setting in known.items():
        if setting.is_required and not (given.get(name) or setting.default):
            raise InvalidRequest(
                f"{spec.name} needs the setting {name!r}: {setting.description}",
                field=f"settings.{name}",
            )
    return {name: given.get(name) or setting.default for name, setting in known.items()}


def _setting_text(name: str, value: Value, provider: str) -> str:
    match value.WhichOneof("kind"):
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "number_value" if math.isfinite(number := value.number_value):
            return str(int(number)) if number.is_integer() else str(number)
        case "string_value":
            return value.string_value
        case "null_value" | None:
            return ""
        case _:
            raise InvalidRequest(
                f"The setting {name[:100]!r} of {provider} must be a string, a number or a boolean",
                field=f"settings.{name[:100]}",
            )


def _checked_url(url: str, provider: str) -> str:
    if not url:
        raise InvalidRequest(f"Provider {provider} needs a base URL", field="baseUrl")
    try:
        parts = urlsplit(url)
        is_plain = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
        is_right = is_plain and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or not url.isprintable() or " " in url:
        raise InvalidRequest(
            f"The base URL of provider {provider} must be a plain http or https URL",
            field="baseUrl",
        )
    return url.rstrip("/")
