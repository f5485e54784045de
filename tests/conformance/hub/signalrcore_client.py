"""Connects with signalrcore; prints what it hears, one JSON a line."""

import json
import sys
import threading

from signalrcore.hub_connection_builder import (  # type: ignore[import-not-found] # of another environment
    HubConnectionBuilder,
)


def main(url: str, key: str, provider: str) -> None:
    """Subscribe, and end with the first announcement."""
    opened, ended = threading.Event(), threading.Event()

    def tell(name: str, value: object) -> None:
        sys.stdout.write(json.dumps([name, value]) + "\n")
        sys.stdout.flush()

    options = {"access_token_factory": lambda: key}
    connection = HubConnectionBuilder().with_url(url, options=options).build()
    connection.on_open(opened.set)
    connection.on("InitialProviderHealth", lambda a: tell("InitialProviderHealth", a[0]))

    def announced(arguments: list[object]) -> None:
        tell("OnSystemAnnouncement", arguments[0])
        ended.set()

    connection.on("OnSystemAnnouncement", announced)
    connection.start()
    assert opened.wait(20)
    tell("connected", None)

    def subscribed(_: object) -> None:
        tell("subscribed", None)
        tell("ready", None)

    connection.send("SubscribeToProvider", [int(provider)], subscribed)
    assert ended.wait(20)
    connection.stop()
    tell("stopped", None)


main(*sys.argv[1:])
