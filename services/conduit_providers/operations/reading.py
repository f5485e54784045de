"""How an operation refuses a request's JSON."""

import re

import msgspec

from conduit_kernel.errors import InvalidRequest, MalformedJson

_AT = re.compile(r" - at `\$\.?([^`]*)`")
_BYTE = re.compile(r"\(byte (\d+)\)")


def refusal(error: msgspec.MsgspecError) -> InvalidRequest:
    """Return the error that names the field which does not fit, or says that it is no JSON."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        # None is named where the text is cut.
        place = _BYTE.search(text)
        known = {"position": place.group(1)} if place else {}
        return MalformedJson(f"The body is not JSON: {text}", **known)
    match = _AT.search(text)
    field = match.group(1) if match else ""
    if missing := re.match(r"Object missing required field `(\w+)`", text):
        field = f"{field}.{missing.group(1)}".lstrip(".")
        return InvalidRequest(f"{field} is required", field=field)
    what = _AT.sub("", text).replace("`", "")
    return InvalidRequest(f"{field or 'The body'}: {what[:1].lower()}{what[1:]}", field=field)
