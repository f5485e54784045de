"""Which models their providers turn off."""

from datetime import date

from msgspec.structs import replace

from conduit_providers.catalog import Catalog
from conduit_providers.model_rows import EVERY_MODEL, ModelMatch, ModelRow
from conduit_registry.retirements import NOTICE, Retirements
from conduit_registry.values import ModelMapping

DAY = date(2027, 1, 22)


def retirements(catalog: Catalog) -> Retirements:
    """Return what knows of one family of a type's, and of one model by another operation."""
    spec = catalog.find("OpenAI")
    chat, embed = spec.endpoints["chat"], spec.endpoints["embed"]
    family = ModelRow(ModelMatch(starts_with="old-"), retires_on=DAY)
    later = ModelRow(ModelMatch(equals="old-1"), retires_on=date(2027, 5, 1))
    endpoints = {
        "chat": replace(chat, models=(family, ModelRow(EVERY_MODEL))),
        "embed": replace(embed, models=(later, ModelRow(EVERY_MODEL))),
    }
    return Retirements(Catalog([replace(spec, endpoints=endpoints)]))


def test_the_first_day_is_that_of_a_model(catalog: Catalog) -> None:
    """Of models and of types that the catalog does not know there is none."""
    known = retirements(catalog)
    assert known.day_of("openai", "old-1") == DAY
    assert known.day_of("OpenAI", "new-1") is None
    assert known.day_of("Gone", "old-1") is None


def test_operators_are_warned_sixty_days_before(catalog: Catalog) -> None:
    """And for as long as the mapping is there."""
    known = retirements(catalog)
    mapped = [
        ModelMapping(model_alias="a", provider_id=1, actual_model_name=name)
        for name in ("old-2", "new-1")
    ]
    first = DAY - NOTICE
    assert NOTICE.days == 60
    for today, is_warned in (
        (first.replace(day=first.day - 1), False),
        (first, True),
        (DAY, True),
        (date(2028, 1, 1), True),
    ):
        found = list(known.near("OpenAI", mapped, today))
        assert found == ([(mapped[0], DAY)] if is_warned else [])
