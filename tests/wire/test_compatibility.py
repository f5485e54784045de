"""The page on what is fitted to each provider, held against the catalog and the wire cases."""

from tests.support.wire_cases import all_cases
from tools.compatibility_page import MARK, PAGE, page, section

from conduit_providers.catalog import load_catalog

SPECS = load_catalog().specs


def test_the_page_is_up_to_date() -> None:
    """`python -m tools.compatibility_page` would write docs/compatibility.md as it stands."""
    written = PAGE.read_text(encoding="utf-8")
    assert MARK in written
    assert written == page(written, SPECS, all_cases())


def test_each_type_with_chats_is_told_of() -> None:
    """With what its file drops, be it one parameter."""
    told = section(SPECS, all_cases())
    for spec in SPECS:
        if "chat" in spec.endpoints:
            assert f"### {spec.display_name}\n" in told
            assert all(f"`{name}`" in told for name in spec.endpoints["chat"].drop)


def test_what_codecs_drop_is_told_by_the_cases() -> None:
    """Without a case, nothing is known of it."""
    assert "in its cases" in section(SPECS, all_cases())
    assert "in its cases" not in section(SPECS, [])
