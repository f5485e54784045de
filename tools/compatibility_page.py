"""Writes the part of docs/compatibility.md that the catalog and the wire cases tell.

    python -m tools.compatibility_page            write it
    python -m tools.compatibility_page --check    only say whether it is up to date

What a provider type's file drops, renames and maps is taken from the file; what its codecs drop,
from the results of their wire cases. The words above the mark are written by hand.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from tests.support.wire_cases import WireCase, all_cases, cases_of

from conduit_providers.catalog import load_catalog
from conduit_providers.model_rows import EVERY_MODEL, ModelMatch
from conduit_providers.spec import Endpoint, ProviderSpec

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
MARK = "<!-- From here on written by python -m tools.compatibility_page -->\n"
# They bring nothing that could be fitted.
_PLAIN = frozenset({"models", "voices"})
# Addresses and versions, which nothing of a request is fitted to.
_UNSAID = frozenset(
    {
        *("body_version", "claude_path", "endpoint_path", "live_path", "page_size"),
        *("sampling_version", "then"),
    }
)


def section(specs: Iterable[ProviderSpec], cases: Sequence[WireCase]) -> str:
    """Return what is told of each type."""
    return "\n".join(_type(spec, cases) for spec in specs)


def page(written: str, specs: Iterable[ProviderSpec], cases: Sequence[WireCase]) -> str:
    """Return the page with its written part as it is."""
    head, mark, _ = written.partition(MARK)
    return f"{head}{mark}\n{section(specs, cases)}"


def _type(spec: ProviderSpec, cases: Sequence[WireCase]) -> str:
    told = [f"### {spec.display_name}\n\n"]
    if "chat" in spec.endpoints:
        told.append(_list(_of_operation(spec, "chat", cases)))
    for name in sorted(spec.endpoints.keys() - {"chat"} - _PLAIN):
        if lines := _of_operation(spec, name, cases):
            told.append(f"{_lead(told)}Of `{name}`:\n\n{_list(lines)}")
    return "".join(told if len(told) > 1 else [*told, _list([])])


def _lead(told: Sequence[str]) -> str:
    """Return what is between a list and what follows it."""
    return "\n" if len(told) > 1 else ""


def _list(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines or ["- Nothing."])


def _of_operation(spec: ProviderSpec, name: str, cases: Sequence[WireCase]) -> list[str]:
    endpoint = spec.endpoints[name]
    lines = [*_of_file(endpoint), *_of_models(endpoint)]
    place = f"{spec.name}/{name}"
    dropped = {name for case in cases_of(place, cases) for name in case.result.get("dropped", [])}
    by_codec = (
        dropped
        - endpoint.drop
        - endpoint.choosing
        - {f"messages.{name}" for name in endpoint.drop_in_messages}
    )
    if by_codec:
        lines.append(f"- Dropped, or altered and reported so, in its cases: {_names(by_codec)}")
    return lines


def _of_file(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.drop:
        yield f"- Dropped: {_names(endpoint.drop)}"
    if endpoint.choosing:
        names = _names(endpoint.choosing)
        yield f"- Dropped where models or a hard budget bind the virtual key: {names}"
    if endpoint.drop_in_messages:
        yield f"- Dropped from messages, parts and calls: {_names(endpoint.drop_in_messages)}"
    if endpoint.rename:
        yield f"- Renamed: {_pairs(endpoint.rename)}"
    if endpoint.rename_in_messages:
        yield f"- Renamed in messages: {_pairs(endpoint.rename_in_messages)}"
    if options := _facts(endpoint.options):
        yield f"- Fitted: {options}"


def _of_models(endpoint: Endpoint) -> Iterator[str]:
    for rule in endpoint.rules:
        if rule.rename:
            yield f"- Renamed{_of(rule.match)}: {_pairs(rule.rename)}"
        if rule.drop:
            yield f"- Dropped{_of(rule.match)}: {_names(rule.drop)}"
    for each in endpoint.value_maps:
        same = _pairs({k: v for k, v in each.exact.items() if k != v})
        near = _pairs({k: v or "nothing" for k, v in each.closest.items()})
        other = _names(each.replace)
        parts = [
            f"{same}" if same else "",
            f"{near} (reported)" if near else "",
            f"{other} by other members" if other else "",
        ]
        yield f"- Values of `{each.parameter}`{_of(each.match)}: {'; '.join(filter(None, parts))}"
    for row in endpoint.models:
        facts = _facts(row.facts)
        if row.prefill != "none":
            facts = ", ".join(filter(None, [facts, f"`prefill = {row.prefill}`"]))
        if facts:
            yield f"- Known{_of(row.match)}: {facts}"


def _of(match: ModelMatch) -> str:
    if match == EVERY_MODEL:
        return ""
    tests = msgspec.structs.asdict(match).items()
    test, texts = next((test, texts) for test, texts in tests if texts)
    listed = [texts] if isinstance(texts, str) else texts
    return f" for models whose name {_TESTS[test]} {' or '.join(f'`{text}`' for text in listed)}"


_TESTS = {
    "equals": "is",
    "starts_with": "begins with",
    "ends_with": "ends in",
    "contains": "has",
}


def _facts(struct: object) -> str:
    if not isinstance(struct, msgspec.Struct):
        return ""
    defaults = {each.name: each.default for each in msgspec.structs.fields(struct)}
    told = {
        name: value
        for name, value in msgspec.structs.asdict(struct).items()
        if value != defaults[name] and name not in _UNSAID and isinstance(value, str | int)
    }
    return ", ".join(f"`{name} = {_value(value)}`" for name, value in told.items())


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _pairs(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"`{old}` to `{new}`" for old, new in pairs.items())


def main() -> int:
    """Write the page, or compare it; the exit status."""
    written = PAGE.read_text(encoding="utf-8")
    text = page(written, load_catalog().specs, all_cases())
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if written == text:
        return 0
    print("docs/compatibility.md is out of date: run python -m tools.compatibility_page")
    return 1


if __name__ == "__main__":
    sys.exit(main())
