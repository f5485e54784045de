"""Commands stand for operations that the contract has, and show what their answers have."""

from typing import Any

import click
import pytest

from conduit_cli.commands import conduit
from conduit_cli.resources.contract import answer_schema, operation, plain
from conduit_cli.resources.groups import EXPLAIN, GROUPS, HEALTH, KEYS, PRICES, USAGE, Command

OTHERS = {"keys": KEYS, "prices": PRICES, "health": HEALTH, "usage": USAGE}
ALL = {
    **{
        f"{group} {name}": command
        for group, found in GROUPS.items()
        for name, command in found.commands.items()
    },
    **{
        f"{group} {name}": command
        for group, found in OTHERS.items()
        for name, command in found.items()
    },
    "explain": EXPLAIN,
}
# What operators are promised.
PROMISED = {
    *("providers", "keys", "models", "chains", "virtual-keys", "groups", "costs", "usage"),
    *("health", "explain", "requests", "chat", "speak", "transcribe", "image", "doctor"),
    *("backup", "restore", "config", "prices"),
}


def test_the_promised_commands_are_there() -> None:
    """Each with a word on what it does."""
    assert set(conduit.commands) >= PROMISED
    assert [name for name, each in conduit.commands.items() if not each.help] == []


@pytest.mark.parametrize("command", ALL.values(), ids=ALL)
def test_columns_are_members_of_the_answer(command: Command) -> None:
    """One that the contract has no more would be empty for ever."""
    properties = answer_schema(command.operation).get("properties", {})
    items: Any = properties
    if command.columns:
        lists = [each for each in properties.values() if plain(each).get("type") == "array"]
        items = plain(plain(lists[0])["items"])["properties"]
    assert [each for each in command.columns if each.partition(".")[0] not in items] == []


@pytest.mark.parametrize(("name", "command"), ALL.items(), ids=ALL)
def test_each_command_has_help_of_its_own(name: str, command: Command) -> None:
    """With a word on each option; none of them hides one by which the gateway is found."""
    group, _, last = name.partition(" ")
    found: click.Command | None = conduit.commands[group]
    if isinstance(found, click.Group):
        found = found.get_command(click.Context(found), last)
    assert found is not None
    with click.Context(found, info_name=name) as context:
        text, params = found.get_help(context), found.get_params(context)
    options = [each for each in params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    flags = [flag for each in options for flag in (*each.opts, *each.secondary_opts)]
    assert sorted(flags) == sorted(set(flags))
    assert {"--url", "--key", "--json"} <= set(flags)
    assert operation(command.operation).summary
    assert "Usage" in text
