"""The commands `conduit top` and `conduit bench`."""

import json
import time
from typing import TYPE_CHECKING

import click

from conduit_cli.admin_commands import administering
from conduit_cli.caller_commands import calling
from conduit_cli.terminal import say

if TYPE_CHECKING:
    # What a command imports when it runs, so that each starts fast.
    from conduit_cli.gateway import Gateway

_MOST_AT_ONCE = 256


@click.command()
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Show one frame, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each frame.")
@administering
def top(gateway: "Gateway", *, interval: float, once: bool, as_json: bool) -> None:
    """Show how a running gateway does, again and again: calls, failures, times, tokens, costs.

    Ends with Ctrl-C.
    """
    from conduit_cli.live.frame import frame, lines  # noqa: PLC0415 # as above
    from conduit_cli.live.samples import Interval, read  # noqa: PLC0415 # as above

    before = read(gateway.text("/metrics"), time.monotonic())
    while True:
        time.sleep(interval)
        after = read(gateway.text("/metrics"), time.monotonic())
        found, before = frame(Interval(before, after)), after
        if as_json:
            say(json.dumps(found, ensure_ascii=False))
        else:
            if not once:
                click.clear()
            for line in lines(found):
                say(line)
        if once:
            return


@click.command()
@click.option("--model", default="echo", show_default=True, help="The model alias to ask.")
@click.option("--text", default="Say hello.", show_default=True, help="What is asked.")
@click.option(
    "-n", "--calls", "count", type=click.IntRange(1), default=100, show_default=True,
    help="How many calls to make. They cost what such calls cost.",
)  # fmt: skip
@click.option(
    "-c",
    "--at-once",
    type=click.IntRange(1, _MOST_AT_ONCE),
    default=4,
    show_default=True,
    help="How many at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@calling
def bench(
    gateway: "Gateway", *, model: str, text: str, count: int, at_once: int, as_json: bool
) -> None:
    """Make streamed chats of a running gateway, and say how long they take.

    Each has a connection of its own. The exit code is 1 if any failed.
    """
    from conduit_cli.live.load import calls, report  # noqa: PLC0415 # as above
    from conduit_cli.resources.tables import record  # noqa: PLC0415 # as above

    began, made = time.monotonic(), calls(gateway, model, text, count, at_once)
    with click.progressbar(made, length=count, label="Calls", hidden=as_json) as going:
        ended = list(going)
    found = report(ended, time.monotonic() - began)
    if as_json:
        say(json.dumps(found))
    else:
        for line in record(found):
            say(line)
    if found["failed"]:
        raise click.exceptions.Exit(1)
