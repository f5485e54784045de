"""What a translation could not say."""


class Dropped:
    """Collects names, each once and in order."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Note that a member is left out."""
        self._names[name] = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names."""
        return tuple(self._names)
