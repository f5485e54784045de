"""Asks providers for nothing: whether they are found, and answer, and what time it is there."""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from conduit_cli.doctor.finding import Finding, error

WAIT_SECONDS = 3.0
# Signatures of requests are taken within five minutes of their time, tokens often within less.
MOST_SKEW_SECONDS = 60.0
MOST_ASKED = 20


class Answered(NamedTuple):
    """An answer of an address: the time that it says."""

    # Seconds since 1970 there; None where it says no time.
    now: float | None


Ask = Callable[[str], Answered]


def ask(url: str) -> Answered:
    """Ask an address for its head, without a key. OSError if it does not answer."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=WAIT_SECONDS)) as connection:
        try:
            connection.request("HEAD", parts.path or "/")
            said = connection.getresponse().getheader("date")
        except http.client.HTTPException as problem:
            raise ConnectionError(f"no HTTP is spoken there: {type(problem).__name__}") from problem
    try:
        return Answered(parsedate_to_datetime(said).timestamp() if said else None)
    except ValueError:
        return Answered(None)


def look(
    addresses: Sequence[tuple[str, str]], now: Callable[[], float], ask: Ask = ask
) -> Iterator[Finding]:
    """Yield what is wrong on the way to providers, given by their names and addresses."""
    skews = list[float]()
    for name, url in addresses[:MOST_ASKED]:
        try:
            there = ask(url).now
        except OSError as problem:
            yield _away(name, url, problem)
        else:
            skews += [] if there is None else [now() - there]
    # One that is wrong by itself says nothing of ours.
    skew = sorted(skews)[len(skews) // 2] if skews else 0.0
    if abs(skew) > MOST_SKEW_SECONDS:
        which = "before" if skew > 0 else "behind"
        yield error(
            "clock-skew",
            f"This machine's clock is {abs(skew):,.0f} s {which} that of providers.",
            "Signed requests and tokens fail by it: run NTP.",
        )


def addresses_of(
    providers: Sequence[Mapping[str, Any]], types: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return the names and addresses of the instances that are enabled, each address once."""
    usual = {each["name"]: str(each.get("baseUrl") or "") for each in types}
    found = dict[str, str]()
    for each in providers:
        url = str(each.get("baseUrl") or usual.get(each["providerType"], ""))
        parts = urlsplit(url)
        # What a setting fills in is nobody's address.
        if each["isEnabled"] and parts.scheme in {"http", "https"} and "{" not in url:
            found.setdefault(f"{parts.scheme}://{parts.netloc}", str(each["name"]))
    return [(name, url) for url, name in found.items()]


def _away(name: str, url: str, problem: OSError) -> Finding:
    host = urlsplit(url).hostname
    if isinstance(problem, socket.gaierror):
        message = f"The name {host} of {name} is not found from this machine: {problem.strerror}."
        return error("dns", message, "Correct the base URL, or mend this machine's DNS.")
    if isinstance(problem, ssl.SSLCertVerificationError):
        message = (
            f"{name} at {host} shows a certificate that is not believed: {problem.verify_message}."
        )
        hint = "Something between may speak for it; its authority belongs into this machine's."
        return error("certificate-refused", message, hint)
    return error(
        "unreachable", f"{name} at {url} does not answer: {problem}.", "Is it the right address?"
    )
