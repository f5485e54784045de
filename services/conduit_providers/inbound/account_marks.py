"""Marks on what one account of a provider sealed, and no other can open.

OpenAI encrypts thoughts and compactions for the organization that made them
(https://developers.openai.com/api/docs/guides/reasoning); another one refuses them
(`invalid_encrypted_content`). Clients hand them back as they came. So the account that made one
stands in front of it on its way to the caller, and is taken off on the way back: whichever router
is asked knows where the call belongs, and keeps nothing for it.
"""

import re

# Of the account, as `Target` has it.
TAG_LENGTH = 12
MARK_BYTES = b"conduit@"
_MARKED = re.compile(rb'"conduit@([0-9a-f]{12})\.')
_OF_TEXT = re.compile(r"conduit@([0-9a-f]{12})\.(.*)", re.DOTALL)
_MEMBER = b'"encrypted_content"'
# Where one begins that has no mark, in JSON. In texts of JSON the quotes are escaped.
_SEALED = re.compile(rb'("encrypted_content"\s*:\s*")(?!conduit[.@])(?=[^"])')


def account_in(body: bytes) -> str:
    """Return the account of the last mark in a body; empty if there is none."""
    if body.find(MARK_BYTES) < 0:
        return ""
    found = _MARKED.findall(body)
    return found[-1].decode() if found else ""


def marked(json: bytes, account: str) -> bytes:
    """Return JSON in which all that is sealed says of which account it is."""
    if not account or json.find(_MEMBER) < 0:
        return json
    return _SEALED.sub(rb"\1%b%b." % (MARK_BYTES, account.encode()), json)


def account_of(sealed: object) -> tuple[str, str]:
    """Return the account that sealed a text, empty if that is not said, and what it sealed."""
    found = _OF_TEXT.fullmatch(sealed) if isinstance(sealed, str) else None
    return (found[1], found[2]) if found is not None else ("", "")
