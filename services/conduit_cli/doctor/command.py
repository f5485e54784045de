"""The command `conduit doctor`."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from conduit_cli.options import data_dir_option
from conduit_cli.terminal import say

_SIGNS = {"error": ("x", "red"), "warning": ("!", "yellow"), "note": ("-", "cyan")}


@click.command()
@click.option("--url", help="Where the gateway is. Default: CONDUIT_URL, else the local one.")
@click.option(
    "--key",
    help="The master key or an administrator's token. Default: CONDUIT_MASTER_KEY, else the "
    "local one.",
)
@click.option("--offline", is_flag=True, help="Ask no provider for its address and time.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each finding.")
@data_dir_option
def doctor(
    url: str | None, key: str | None, data_dir: Path, *, offline: bool, as_json: bool
) -> None:
    """Find what is wrong: on this machine, in the configuration, on the way to providers.

    Changes nothing. The exit code is 1 if calls fail by it, or will.
    """
    from conduit_cli.doctor.finding import Finding  # noqa: PLC0415 # see commands.py

    found = list[Finding]()
    for each in _findings(url, key, data_dir, is_offline=offline):
        found.append(each)
        if as_json:
            say(json.dumps(each._asdict(), ensure_ascii=False))
        else:
            _tell(each.level, each.message, each.hint)
    counts = Counter(each.level for each in found)
    if not as_json:
        many = {level: "s" if counts[level] > 1 else "" for level in _SIGNS}
        told = ", ".join(f"{counts[each]} {each}{many[each]}" for each in _SIGNS if counts[each])
        say(f"{told}." if told else "Nothing is wrong.")
    if counts["error"]:
        raise click.exceptions.Exit(1)


def _findings(
    url: str | None, key: str | None, data_dir: Path, *, is_offline: bool
) -> Iterator["Finding"]:  # type: ignore[name-defined] # noqa: F821 # imported where it is used
    from conduit_cli.audit_log import NoCredential, find_gateway  # noqa: PLC0415 # as above
    from conduit_cli.doctor import gateway as running  # noqa: PLC0415 # as above
    from conduit_cli.doctor import machine, reach  # noqa: PLC0415 # as above
    from conduit_cli.doctor.finding import error, note  # noqa: PLC0415 # as above
    from conduit_cli.gateway import GatewayError  # noqa: PLC0415 # as above
    from conduit_cli.keys import KeysUnusable  # noqa: PLC0415 # as above

    seen, problem = None, None
    try:
        seen = running.read(find_gateway(url, key, data_dir, os.environ))
    except (NoCredential, KeysUnusable, ValueError) as refused:
        problem = note("gateway-not-asked", f"No gateway was asked: {refused}")
    except GatewayError as refused:
        problem = error("gateway-refuses", f"The gateway does not answer administrators: {refused}")
    except OSError as away:
        said = f"No gateway answers: {away}"
        problem = note("gateway-away", said, "Start one with `conduit serve`, or say --url.")
    is_running = seen is not None or (problem is not None and problem.kind == "gateway-refuses")
    # One that is elsewhere says nothing of this machine.
    if not (url or os.environ.get("CONDUIT_URL")):
        yield from machine.look(machine.Machine(data_dir, os.environ, is_running))
    if problem is not None:
        yield problem
    if seen is None:
        return
    yield from running.look(seen)
    if not is_offline:
        yield from reach.look(reach.addresses_of(seen.providers, seen.types), time.time)


def _tell(level: str, message: str, hint: str) -> None:
    sign, colour = _SIGNS[level]
    say(_one_line(message), mark=f"{click.style(sign, fg=colour, bold=True)} ")
    if hint:
        say(f"    {_one_line(hint)}")


def _one_line(text: str) -> str:
    # Names are others', and a terminal obeys some signs.
    return "".join(sign if sign.isprintable() else " " for sign in text)
