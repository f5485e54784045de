"""The table of what works, held against the catalog and the wire cases."""

from tests.wire.test_claims import shown_by
from tools.provider_table import PAGE, UNCONFIRMED, every_case, page

from conduit_providers.catalog import load_catalog

SPECS = load_catalog().specs


def test_the_table_is_up_to_date() -> None:
    """`python -m tools.provider_table` would write docs/providers.md as it stands."""
    assert PAGE.read_text(encoding="utf-8") == page(SPECS, every_case(), shown_by)


def test_the_table_shows_a_lost_case() -> None:
    """Without its cases a type has no numbers, so that the page tells of what was lost."""
    text = page(SPECS, [], shown_by)
    row = next(line for line in text.splitlines() if line.startswith("| Groq |"))
    assert set(row.replace("| Groq ", "").replace("|", "").split()) == {"0", "-"}


def test_every_type_is_in_the_table() -> None:
    """Each type has a row for each of its operations, for its keys and for its sources."""
    text = page(SPECS, every_case(), shown_by)
    for spec in SPECS:
        assert text.count(f"\n| {spec.name} |") == len(spec.endpoints) + 2


def test_what_is_not_confirmed_is_of_types_that_there_are() -> None:
    """A note on a type that was renamed would be lost."""
    assert {spec.name for spec in SPECS} >= UNCONFIRMED.keys()
