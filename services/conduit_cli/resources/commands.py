"""The commands that are made of the contract, and those groups that have some of them beside."""

from collections.abc import Callable
from typing import Any

import click

from conduit_cli.resources.groups import (
    EXPLAIN,
    GROUPS,
    HEALTH,
    KEYS,
    PRICES,
    USAGE,
    Command,
    Group,
)
from conduit_cli.resources.making import ContractGroup, made

_BESIDE = {
    "keys": ("Providers' keys, and the key that everything else is sealed with.", KEYS),
    "prices": ("Price rules, and newer prices than the shipped ones.", PRICES),
    "usage": ("What was charged: list and export it, hold it against providers' bills.", USAGE),
}


class _Later(click.Command):
    """Stands for a command of one operation, which is made when it is asked for."""

    def __init__(self, name: str, command: Command) -> None:
        super().__init__(name, help=command.summary)
        self._command = command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 # as click calls it
    ) -> click.Context:
        """Go on with the command itself."""
        assert self.name is not None  # noqa: S101 # as it was made
        return made(self.name, self._command).make_context(info_name, args, parent, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the command itself, for help and completion."""
        assert self.name is not None  # noqa: S101 # as it was made
        return made(self.name, self._command).get_params(ctx)


def with_resources(command: click.Command) -> click.Command:
    """Return a group with the contract's commands beside its own; any other as it is."""
    if command.name not in _BESIDE or not isinstance(command, click.Group):
        return command
    summary, more = _BESIDE[command.name]
    return ContractGroup(command.name, Group(summary, more), commands=command.commands)


def health_group(told: str) -> Callable[[Callable[..., None]], click.Command]:
    """Return what makes a group of the Health service's command."""

    def make(run: Callable[..., None]) -> click.Command:
        params = [*reversed(getattr(run, "__click_params__", ()))]
        return ContractGroup(
            "health",
            Group(told, HEALTH),
            callback=run,
            params=params,
            invoke_without_command=True,
        )

    return make


RESOURCE_COMMANDS = (
    *(ContractGroup(name, group) for name, group in GROUPS.items()),
    _Later("explain", EXPLAIN),
)
