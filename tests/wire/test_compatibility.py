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


def test_each_type_is_told_of_with_each_of_its_operations() -> None:
    """With what its file drops, be it one parameter, of sound and pictures as of chats."""
    cases = all_cases()
    for spec in SPECS:
        told = section([spec], cases)
        assert told.startswith(f"### {spec.display_name}\n")
        for name, endpoint in spec.endpoints.items():
            assert all(f"`{dropped}`" in told for dropped in endpoint.drop)
            assert not endpoint.drop or name == "chat" or f"Of `{name}`:" in told


def test_what_codecs_drop_is_told_by_the_cases() -> None:
    """Without a case, nothing is known of it."""
    assert "in its cases" in section(SPECS, all_cases())
    assert "in its cases" not in section(SPECS, [])
