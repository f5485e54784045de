"""Which models their providers turn off, as the catalog has it."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from conduit_kernel.errors import ProviderTypeUnknown
from conduit_providers.catalog import Catalog
from conduit_registry.values import ModelMapping

# How long before operators are warned.
NOTICE = timedelta(days=60)


class Retirements:
    """Knows the days on which models are turned off."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def day_of(self, provider_type: str, model: str) -> date | None:
        """Return the day of a model; None where nothing is known of that."""
        try:
            return self._catalog.find(provider_type).retires_on(model)
        except ProviderTypeUnknown:
            # Of a catalog that is no more.
            return None

    def near(
        self, provider_type: str, mappings: Iterable[ModelMapping], today: date
    ) -> Iterator[tuple[ModelMapping, date]]:
        """Yield the mappings whose model is turned off soon, or was already, with the day."""
        for mapping in mappings:
            day = self.day_of(provider_type, mapping.actual_model_name)
            if day is not None and today >= day - NOTICE:
                yield mapping, day
