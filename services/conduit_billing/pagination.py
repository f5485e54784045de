"""Pages of lists: how many to return, and tokens that say where the next page starts."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from conduit_billing.validation import bounded, refuse

DEFAULT_SIZE = 100
MAX_SIZE = 1_000
# A mark before the cursor tells tokens of ours from accidents.
_MARK = b"p1:"
# Tokens can be made up; what has more digits fits into no column.
_NUMBER = re.compile("[0-9]{1,18}")

ItemT = TypeVar("ItemT")


class Page(NamedTuple):
    """At most `size` things that come behind `after`; empty at the start."""

    size: int
    after: str

    def cut(
        self, found: Sequence[ItemT], cursor_of: Callable[[ItemT], object]
    ) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from what may be one more than fits."""
        if len(found) <= self.size:
            return found, ""
        page = found[: self.size]
        return page, _token(str(cursor_of(page[-1])))


def page_of(size: int, token: str) -> Page:
    """Read what a request says of its page. InvalidRequest if that makes no sense."""
    return Page(bounded("pageSize", size, 0, MAX_SIZE) or DEFAULT_SIZE, _cursor(token))


def number_in(page: Page) -> int:
    """Return the cursor of a list that is in order of a number."""
    if page.after and not _NUMBER.fullmatch(page.after):
        refuse_token()
    return int(page.after or 0)


def refuse_token() -> None:
    """Raise because a token is not ours."""
    refuse("pageToken", "must be the nextPageToken of the last answer")


def _token(cursor: str) -> str:
    return base64.urlsafe_b64encode(_MARK + cursor.encode()).decode().rstrip("=")


def _cursor(token: str) -> str:
    if not token:
        return ""
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        cursor = text.decode("ascii")
    except (binascii.Error, ValueError):
        cursor = ""
    if not cursor.startswith(_MARK.decode()):
        refuse_token()
    return cursor[len(_MARK) :]
