"""Options about the network, each of which is another way to set a variable of the settings."""

import os
from collections.abc import Callable
from functools import reduce
from typing import Any

import click

Command = Callable[..., Any]


def _variable(
    name: str,
    option: str,
    words: str,
    **more: Any,  # noqa: ANN401 # click's own
) -> Callable[[Command], Command]:
    """Return an option that sets a variable, which the processes then read."""

    def note(context: click.Context, _: click.Parameter, value: object) -> None:
        if value and not context.resilient_parsing:
            texts = value if isinstance(value, tuple) else (value,)
            os.environ[name] = ",".join(map(str, texts))

    return click.option(option, envvar=name, help=words, expose_value=False, callback=note, **more)


_OPTIONS = (
    _variable(
        "CONDUIT_TRUSTED_PROXIES",
        "--trusted-proxy",
        "An address or network of proxies that are believed whom they speak for. Repeatable.",
        multiple=True,
        metavar="CIDR",
    ),
    _variable(
        "CONDUIT_REAL_IP_HEADER",
        "--real-ip-header",
        "How they say it: the field that they write, or the PROXY protocol.",
        type=click.Choice(["x-forwarded-for", "forwarded", "proxy_protocol"], case_sensitive=False),
        show_default="x-forwarded-for",
    ),
)

_OPEN = (
    _variable(
        "CONDUIT_TLS_CERT", "--tls-cert", "A PEM file: the certificate to show, and its chain."
    ),
    _variable("CONDUIT_TLS_KEY", "--tls-key", "A PEM file: the key of the certificate."),
    _variable(
        "CONDUIT_TLS_CLIENT_CA",
        "--tls-client-ca",
        "A PEM file: the authority of client certificates, and of our services' own.",
    ),
    _variable(
        "CONDUIT_ALLOW_PLAINTEXT",
        "--allow-plaintext",
        "Listen in clear also where others can connect.",
        is_flag=True,
    ),
)


def listening_options(command: Command) -> Command:
    """Give a command the options of all that listen."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPEN), command)


def network_options(command: Command) -> Command:
    """Give a command these options."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)
