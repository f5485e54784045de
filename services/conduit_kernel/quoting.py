"""What callers said, as messages say it again."""

# Characters of an id: more than any of ours has.
MAX_QUOTED = 48


def quoted(text: str, most: int = MAX_QUOTED) -> str:
    """Return a text, cut where it has more characters than a message should."""
    return text if len(text) <= most else f"{text[:most]}..."
