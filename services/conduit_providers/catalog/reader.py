"""Reads one catalog file, strictly: what is not understood is an error, never ignored."""

import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable

from conduit.v1.failures import FAILURES
from conduit_providers.auth import has_auth
from conduit_providers.codecs import has_codec
from conduit_providers.spec import Auth, Endpoint, ProviderSpec, RateLimitHeaders, Setting, ValueMap
from conduit_providers.token_counts import TokenCounts

_LIMIT_NAMES = (
    "requests_limit",
    "requests_remaining",
    "requests_reset",
    "tokens_limit",
    "tokens_remaining",
    "tokens_reset",
)


def read_spec(file: Traversable) -> ProviderSpec:
    """Read a provider type. ValueError, naming the file and the key, if it is not right."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name}: not TOML: {error}") from error
    return _spec(_Table(raw, file.name))


class _Table:
    """A TOML table that knows where it is, and which of its keys nobody has asked for."""

    def __init__(self, raw: Mapping[str, object], file: str, path: str = "") -> None:
        self._raw = dict(raw)
        self._file = file
        self._path = path

    def error(self, key: str, why: str) -> ValueError:
        """Return the error for a key."""
        return ValueError(f"{self._file}: {self._path}{key}: {why}")

    def text(self, key: str, default: str | None = None) -> str:
        """Take a string; required without a default."""
        value = self._raw.pop(key, default)
        if value is None:
            raise self.error(key, "is missing")
        if not isinstance(value, str):
            raise self.error(key, "must be a string")
        return value

    def flag(self, key: str) -> bool:
        """Take a boolean; false if it is not there."""
        value = self._raw.pop(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of strings; empty if it is not there."""
        value = self._raw.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "must be a list of strings")
        return tuple(str(item) for item in value)

    def text_map(self, key: str) -> dict[str, str]:
        """Take a table of strings; empty if it is not there."""
        table = self.table(key)
        return {name: table.text(name) for name in table.left()}

    def count_map(self, key: str) -> dict[str, int]:
        """Take a table of whole numbers from 1; empty if it is not there."""
        counts: dict[str, int] = {}
        for name, value in self.scalar_map(key).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise self.error(f"{key}.{name}", "must be a whole number from 1")
            counts[name] = value
        return counts

    def scalar_map(self, key: str) -> dict[str, str | int | bool]:
        """Take a table of strings, whole numbers and booleans; empty if it is not there."""
        values: dict[str, str | int | bool] = {}
        table = self.table(key)
        for name in table.left():
            value = table._raw.pop(name)  # noqa: SLF001 # of the same class
            if not isinstance(value, str | int | bool):
                raise table.error(name, "must be a string, a whole number, true or false")
            values[name] = value
        return values

    def table_map(self, key: str) -> dict[str, dict[str, object]]:
        """Take a table of tables of anything; empty if it is not there."""
        table = self.table(key)
        return {name: table.table(name)._raw for name in table.left()}  # noqa: SLF001 # of the same class

    def table(self, key: str) -> "_Table":
        """Take a table; an empty one if it is not there."""
        value = self._raw.pop(key, {})
        if not isinstance(value, dict):
            raise self.error(key, "must be a table")
        return _Table(value, self._file, f"{self._path}{key}.")

    def tables(self, key: str) -> list["_Table"]:
        """Take a list of tables; empty if it is not there."""
        value = self._raw.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, "must be a list of tables")
        return [
            _Table(item, self._file, f"{self._path}{key}[{i}].") for i, item in enumerate(value)
        ]

    def left(self) -> list[str]:
        """Return the keys that nobody has taken yet."""
        return list(self._raw)

    def end(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._raw:
            raise self.error(key, "is not a key that this version knows")


def _spec(table: _Table) -> ProviderSpec:
    spec = ProviderSpec(
        name=table.text("name"),
        display_name=table.text("display_name"),
        other_names=table.texts("other_names"),
        base_url=table.text("base_url", "").rstrip("/"),
        base_urls=table.text_map("base_urls"),
        base_url_endings=table.texts("base_url_endings"),
        price_provider=table.text("price_provider", ""),
        request_id_header=table.text("request_id_header", "x-request-id"),
        error_code_header=table.text("error_code_header", "").lower(),
        checked_on=table.text("checked_on"),
        sources=table.texts("sources"),
        auth=_auth(table.table("auth")),
        settings=tuple(_setting(each) for each in table.tables("settings")),
        rate_limits=_rate_limits(table.table("rate_limits")),
        error_codes=_error_codes(table),
        endpoints=_endpoints(table.table("endpoints")),
    )
    if not spec.sources:
        raise table.error("sources", "must name the documentation that this was taken from")
    if not spec.endpoints:
        raise table.error("endpoints", "must have at least one operation")
    table.end()
    return spec


def _auth(table: _Table) -> Auth:
    auth = Auth(
        kind=table.text("kind"),
        description=table.text("description"),
        is_optional=table.flag("is_optional"),
        options=table.text_map("options"),
    )
    if not has_auth(auth.kind):
        raise table.error("kind", f"there is no auth strategy {auth.kind!r}")
    table.end()
    return auth


def _setting(table: _Table) -> Setting:
    setting = Setting(
        name=table.text("name"),
        description=table.text("description"),
        is_required=table.flag("is_required"),
        default=table.text("default", ""),
    )
    table.end()
    return setting


def _rate_limits(table: _Table) -> RateLimitHeaders:
    names = {name: table.text(name, "").lower() for name in _LIMIT_NAMES}
    table.end()
    return RateLimitHeaders(**names)


def _error_codes(table: _Table) -> dict[str, str]:
    codes = table.text_map("error_codes")
    for code, reason in codes.items():
        if reason not in FAILURES:
            raise table.error(f"error_codes.{code}", f"there is no error reason {reason!r}")
    return codes


def _words(table: _Table) -> ValueMap:
    words = ValueMap(
        parameter=table.text("of"),
        models=table.texts("models"),
        same=table.text_map("same"),
        nearest=table.text_map("nearest"),
        instead=table.table_map("instead"),
    )
    if not (words.same or words.nearest or words.instead):
        raise table.error("of", "must have a word that is said otherwise")
    table.end()
    return words


def _endpoints(table: _Table) -> dict[str, Endpoint]:
    return {name: _endpoint(table.table(name)) for name in table.left()}


def _endpoint(table: _Table) -> Endpoint:
    endpoint = Endpoint(
        codec=table.text("codec"),
        path=table.text("path"),
        base_url=table.text("base_url", "").rstrip("/"),
        paths=table.text_map("paths"),
        capabilities=frozenset(table.texts("capabilities")),
        rename=table.text_map("rename"),
        drop=frozenset(table.texts("drop")),
        rename_in_messages=table.text_map("rename_in_messages"),
        drop_in_messages=frozenset(table.texts("drop_in_messages")),
        words=tuple(_words(each) for each in table.tables("words")),
        max_inputs=table.count_map("max_inputs"),
        usage=table.text_map("usage"),
        headers=table.text_map("headers"),
        options=table.scalar_map("options"),
    )
    if not has_codec(endpoint.codec):
        raise table.error("codec", f"there is no codec {endpoint.codec!r}")
    for count in endpoint.usage:
        if count not in TokenCounts.__struct_fields__:
            raise table.error(f"usage.{count}", "is not a count that we keep")
    table.end()
    return endpoint
