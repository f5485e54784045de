"""Request targets: the four forms of RFC 9112, of which a gateway needs three."""


class TargetError(ValueError):
    """The target has no form that can be served here."""


def split_target(url: bytes, method: str) -> tuple[str, str]:
    """Split into raw path and raw query. The parser has made sure that it is plain ASCII."""
    target = url.decode()
    if url[:1] != b"/":
        target = _origin_form(target, method)
    if "#" in target:
        raise TargetError("a request target has no fragment")
    path, _, query = target.partition("?")
    return path, query


def _origin_form(target: str, method: str) -> str:
    """Take what an absolute target says after its host; ``*`` is for OPTIONS only."""
    if target == "*" and method == "OPTIONS":
        return target
    scheme, found, rest = target.partition("://")
    if not found or scheme.lower() not in ("http", "https"):
        raise TargetError("the request target is neither a path nor an http URL")
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    if not end:
        raise TargetError("the request target names no host")
    tail = rest[end:]
    return tail if tail.startswith("/") else "/" + tail
