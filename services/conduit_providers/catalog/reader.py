"""Reads one catalog file, strictly: what is not understood is an error, never ignored.

The structs of `conduit_providers.spec` say which keys there are, and those of a codec or an auth
strategy which options and facts about models.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import asdict, fields, replace

from conduit.v1.failures import FAILURES
from conduit_kernel.errors import InvalidRequest
from conduit_providers.auth import has_auth
from conduit_providers.auth.options import NoOptions, auth_options
from conduit_providers.batch_apis import has_batch_api
from conduit_providers.catalog.codec_types import CodecTypes, codec_types, operation_names
from conduit_providers.catalog.key_lines import Path, line_of
from conduit_providers.catalog.vocabulary import CAPABILITIES, price_providers
from conduit_providers.codecs import has_codec
from conduit_providers.model_rows import EVERY_MODEL, ModelMatch, ModelRow, ValueMap
from conduit_providers.passthrough.operation import OPERATIONS
from conduit_providers.passthrough.rule import MODEL, PassthroughRule
from conduit_providers.passthrough.usage import READERS
from conduit_providers.spec import Auth, Endpoint, ProviderSpec, RateLimitHeaders
from conduit_providers.target import places_in
from conduit_providers.token_counts import TokenCounts

StructT = TypeVar("StructT", bound=msgspec.Struct)
Json = dict[str, Any]

# The keys of a row that are not the codec's facts.
ROW_KEYS = frozenset({"match", "patience", "prefill", "retires_on"})
# What codecs fill in from a call.
CALL_PLACES = frozenset({"model", "owner", "name"})
_EXPECTED: Mapping[object, str] = {
    str: "must be a string",
    bool: "must be true or false",
    int: "must be a whole number",
}


def read_spec(file: Traversable) -> ProviderSpec:
    """Read a provider type. ValueError, naming file, line and key, if it is not right."""
    try:
        text = file.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name}: not TOML: {error}") from error
    return _Reader(file.name, text).spec(raw)


class _Reader:
    """Reads the tables of one file; a path is that of a key in it."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._operations = operation_names()

    def spec(self, raw: Json) -> ProviderSpec:
        """Read the whole file."""
        rows = _taken_rows(raw)
        spec = self._read(raw, ProviderSpec, ())
        if not spec.sources:
            raise self._error(("sources",), "must name the documentation that this was taken from")
        if not spec.endpoints:
            raise self._error(("endpoints",), "must have at least one operation")
        for code, reason in spec.error_codes.items():
            if reason not in FAILURES:
                raise self._error(("error_codes", code), f"there is no error reason {reason!r}")
        self._check_settings(spec)
        if spec.batches is not None and not has_batch_api(spec.batches.api):
            why = f"there are no batches of the kind {spec.batches.api!r}"
            raise self._error(("batches", "api"), why)
        self._check_price_provider(spec.price_provider)
        for place, rule in enumerate(spec.passthrough):
            self._check_passthrough(rule, spec, ("passthrough", place))
        return replace(
            spec,
            base_url=spec.base_url.rstrip("/"),
            error_code_header=spec.error_code_header.lower(),
            rate_limits=_lower(spec.rate_limits),
            auth=self._auth(spec.auth),
            endpoints={
                name: self._endpoint(name, each, rows.get(name, []))
                for name, each in spec.endpoints.items()
            },
        )

    def _error(self, path: Path, why: str) -> ValueError:
        line = line_of(path, self._text)
        return ValueError(f"{self._file}:{line}: {_dotted(path)}: {why}")

    def _check_settings(self, spec: ProviderSpec) -> None:
        """Refuse addresses and paths that depend on settings which the type does not have."""
        known = {setting.name for setting in spec.settings}
        found: list[tuple[Path, str]] = [
            (path, name) for path, url in _addresses(spec) for name in places_in(url)
        ]
        found += [
            (path, name)
            for path, template in _paths(spec)
            for name in places_in(template)
            if name not in CALL_PLACES
        ]
        found += [(("base_urls", key), key.partition("=")[0]) for key in spec.base_urls]
        found += [
            (("endpoints", operation, member, key), key.partition("=")[0])
            for operation, endpoint in spec.endpoints.items()
            for member, keys in (("paths", endpoint.paths), ("base_urls", endpoint.base_urls))
            for key in keys
        ]
        for path, name in found:
            if name not in known:
                raise self._error(path, _unknown(f"there is no setting {name!r}", name, known))

    def _check_price_provider(self, name: str) -> None:
        known = price_providers(name) if name else {name}
        if name not in known:
            why = _unknown(f"genai-prices has no provider {name!r}", name, known)
            raise self._error(("price_provider",), why)

    def _check_passthrough(self, rule: PassthroughRule, spec: ProviderSpec, path: Path) -> None:
        served = OPERATIONS.keys() & spec.endpoints.keys()
        if rule.operation not in served:
            why = _unknown(f"{rule.operation!r} passes through nowhere", rule.operation, served)
            raise self._error((*path, "operation"), why)
        if rule.usage not in READERS:
            why = _unknown(f"there is no usage {rule.usage!r}", rule.usage, READERS)
            raise self._error((*path, "usage"), why)
        settings = {each.name for each in spec.settings} if rule.sends else set[str]()
        for name, text in (("path", rule.path), ("sends", rule.sends or rule.path)):
            places = places_in(text)
            is_known = {*places} <= {MODEL, *settings} and len({*places}) == len(places)
            if not text.startswith("/") or not is_known:
                why = "must begin with a slash; {model} may be in it, and settings beside `sends`"
                raise self._error((*path, name), why)

    def _check_capabilities(self, operation: str, given: Iterable[str], path: Path) -> None:
        known = CAPABILITIES[operation]
        for name in sorted(given):
            if name not in known:
                why = _unknown(f"{operation} has no capability {name!r}", name, known)
                raise self._error(path, why)

    def _auth(self, auth: Auth) -> Auth:
        try:
            is_known = has_auth(auth.kind)
            options = auth_options(auth.kind) if is_known else NoOptions
        except InvalidRequest as error:
            raise self._error(("auth", "kind"), error.message) from error
        if not is_known:
            raise self._error(("auth", "kind"), f"there is no auth strategy {auth.kind!r}")
        return replace(auth, options=self._read(auth.options or {}, options, ("auth", "options")))

    def _endpoint(self, operation: str, endpoint: Endpoint, rows: object) -> Endpoint:
        path: Path = ("endpoints", operation)
        if operation not in self._operations:
            why = _unknown("is not an operation", operation, self._operations)
            raise self._error(path, why)
        types = self._codec_types(operation, endpoint.codec)
        self._check_capabilities(operation, endpoint.capabilities, (*path, "capabilities"))
        for count in endpoint.usage:
            if count not in TokenCounts.__struct_fields__:
                raise self._error((*path, "usage", count), "is not a count that we keep")
        for place, each in enumerate(endpoint.value_maps):
            self._check_map(each, (*path, "value_maps", place))
        options = self._read(endpoint.options or {}, types.options, (*path, "options"))
        return replace(
            endpoint,
            base_url=endpoint.base_url.rstrip("/"),
            options=options,
            models=self._rows(rows, types.model, (*path, "models")),
        )

    def _rows(self, rows: object, kind: type[msgspec.Struct], path: Path) -> tuple[ModelRow, ...]:
        if not isinstance(rows, list):
            raise self._error(path, "must be a list of tables")
        found = [self._row(row, kind, (*path, place)) for place, row in enumerate(rows)]
        return (*found, ModelRow(facts=kind()))

    def _codec_types(self, operation: str, codec: str) -> CodecTypes:
        path: Path = ("endpoints", operation, "codec")
        try:
            types = codec_types(operation, codec) if has_codec(codec) else None
        except (ValueError, InvalidRequest) as error:
            raise self._error(path, str(error)) from error
        if types is None:
            raise self._error(path, f"there is no codec {codec!r}")
        return types

    def _check_map(self, values: ValueMap, path: Path) -> None:
        self._check_match(values.match, path)
        if not (values.exact or values.closest or values.replace):
            raise self._error(path, "must have a value in exact, closest or replace")

    def _row(self, value: object, kind: type[msgspec.Struct], path: Path) -> ModelRow:
        """Read a row: its own keys, and beside them those of the codec's struct."""
        table = self._table(value, path)
        own = {name: table.pop(name) for name in ROW_KEYS & table.keys()}
        row = self._read(own, ModelRow, path)
        self._check_match(row.match, path)
        return replace(row, facts=self._read(table, kind, path))

    def _check_match(self, match: ModelMatch, path: Path) -> None:
        tests = [name for name, texts in asdict(match).items() if texts]
        if match != EVERY_MODEL and len(tests) != 1:
            raise self._error((*path, "match"), "must have one test")

    def _read(self, value: object, kind: type[StructT], path: Path) -> StructT:
        """Read a table."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self._check(value, kind, path)
            raise self._error(path, f"{error}") from error

    def _check(self, value: object, kind: Any, path: Path) -> None:  # noqa: ANN401 # any type
        """Raise the error of the first key that does not fit a type."""
        origin, inner = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            self._check_struct(value, kind, path)
        elif origin is Mapping:
            for name, each in self._table(value, path).items():
                self._check(each, inner[1], (*path, name))
        elif origin in {tuple, frozenset}:
            if not isinstance(value, list):
                raise self._error(path, "must be a list")
            for place, each in enumerate(value):
                self._check(each, inner[0], (*path, place))
        else:
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                raise self._error(path, _EXPECTED.get(kind, f"{error}")) from error

    def _check_struct(self, value: object, kind: type[msgspec.Struct], path: Path) -> None:
        table = self._table(value, path)
        known = {each.name: each for each in fields(kind)}
        for name in table:
            if name not in known:
                why = _unknown("is not a key that this version knows", name, known)
                raise self._error((*path, name), why)
        for name, each in known.items():
            if name in table:
                self._check(table[name], each.type, (*path, name))
            elif each.required:
                raise self._error((*path, name), "is missing")

    def _table(self, value: object, path: Path) -> Json:
        if not isinstance(value, dict):
            raise self._error(path, "must be a table")
        return dict(value)


def _addresses(spec: ProviderSpec) -> Iterator[tuple[Path, str]]:
    yield ("base_url",), spec.base_url
    for key, url in spec.base_urls.items():
        yield ("base_urls", key), url
    for operation, endpoint in spec.endpoints.items():
        yield ("endpoints", operation, "base_url"), endpoint.base_url
        for key, url in endpoint.base_urls.items():
            yield ("endpoints", operation, "base_urls", key), url


def _paths(spec: ProviderSpec) -> Iterator[tuple[Path, str]]:
    for operation, endpoint in spec.endpoints.items():
        yield ("endpoints", operation, "path"), endpoint.path
        for key, path in endpoint.paths.items():
            yield ("endpoints", operation, "paths", key), path
    if spec.batches is not None:
        for name in ("path", "begin_path", "files_path"):
            yield ("batches", name), getattr(spec.batches, name)


def _taken_rows(raw: Json) -> Json:
    """Take the rows about models out of a file, by operation: each codec has its own keys."""
    endpoints = raw.get("endpoints")
    tables = endpoints.items() if isinstance(endpoints, dict) else ()
    return {
        name: each.pop("models")
        for name, each in tables
        if isinstance(each, dict) and "models" in each
    }


def _lower(headers: RateLimitHeaders) -> RateLimitHeaders:
    return RateLimitHeaders(**{name: value.lower() for name, value in asdict(headers).items()})


def _unknown(why: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"{why}; did you mean {near[0]!r}?" if near else why


def _dotted(path: Path) -> str:
    texts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(texts).removeprefix(".")
