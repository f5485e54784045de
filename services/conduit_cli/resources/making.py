"""Makes a command of an operation: its options, its call, and what is shown of the answer."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from conduit_cli.admin_commands import administering
from conduit_cli.resources.contract import Member, Operation, operation
from conduit_cli.resources.groups import Command, Group
from conduit_cli.resources.output import Output, items_of

if TYPE_CHECKING:
    # What a command imports when it runs, so that each starts fast.
    from conduit_cli.gateway import Gateway

PAGE_SIZE = 1000
DEFAULT_LIMIT = 100
STDIO = "-"
# They lead from page to page, which the command does itself.
_PAGES = frozenset({"pageSize", "pageToken"})
_TYPES: dict[str, click.ParamType[Any]] = {"integer": click.INT, "number": click.FLOAT}
# Names of the parameters of all these commands.
_TAKEN = frozenset(
    {"url", "key", "data_dir", "data", "file", "limit", "yes", "unset", "json", "csv", "output"}
)
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


class ContractGroup(click.Group):
    """A group of commands that are made of the contract when one of them is asked for.

    So that none of them costs the others' start.
    """

    def __init__(self, name: str, group: Group, **others: Any) -> None:  # noqa: ANN401 # click's own
        super().__init__(name, **{"help": group.summary, **others})
        self._made = group.commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*self._made, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, made now if it is of the contract."""
        own = super().get_command(ctx, cmd_name)
        if own is None and cmd_name in self._made:
            own = self.commands[cmd_name] = made(cmd_name, self._made[cmd_name])
        return own


def made(name: str, command: Command) -> click.Command:
    """Return the command of an operation."""
    asked = operation(command.operation)
    members = {_parameter(each): each for each in asked.members if each.name not in _PAGES}
    positions = [each.name for each in members.values() if each.name in command.also]
    is_paged = any(each.name == "pageToken" for each in asked.members)

    def run(gateway: "Gateway", **given: Any) -> None:  # noqa: ANN401 # by the members' types
        places = [given.pop(_snake(place)) for place in asked.places]
        output = Output(given.pop("as_json"), given.pop("as_csv", False), given.pop("file", None))
        limit = given.pop("limit", None)
        if asked.method == "DELETE" and not given.pop("yes"):
            click.confirm(f"Delete {' '.join(map(str, places))}?", abort=True)
        sent = _request(asked, members, given)
        path = _path(asked, places)
        if is_paged:
            output.show_list(_pages(gateway, path, sent, limit), command.columns)
            return
        body = sent if asked.has_body else None
        query = f"?{urlencode(sent)}" if sent and not asked.has_body else ""
        answer = gateway.call(asked.method, f"{path}{query}", body)
        output.show(answer, command.columns)

    whole = administering(run)
    for option in reversed([*_options(asked, members, positions), *_usual(asked, is_paged)]):
        whole = option(whole)
    for place in reversed([*asked.places, *positions]):
        whole = click.argument(_snake(place), required=place in asked.places)(whole)
    return click.command(name, help=command.summary or asked.description)(whole)


def _options(
    asked: Operation, members: Mapping[str, Member], positions: Sequence[str]
) -> list[Any]:
    options = [
        _option(name, each)
        for name, each in members.items()
        if each.name not in positions and _takes_text(each)
    ]
    if asked.has_body:
        told = "The members as JSON, or @FILE, or - for standard input; options win."
        options.append(click.option("--data", help=told))
    if asked.method == "PATCH":
        told = "A member that is to have its default again."
        options.append(click.option("--unset", multiple=True, help=told))
    return options


def _usual(asked: Operation, is_paged: bool) -> list[Any]:  # noqa: FBT001 # our own
    told = "Print the answer's JSON."
    options = [click.option("--json", "as_json", is_flag=True, help=told)]
    if is_paged:
        told = "Print a table for spreadsheets."
        options.append(click.option("--csv", "as_csv", is_flag=True, help=told))
        told = "The file to write, for its owner alone. Default: standard output."
        path = click.Path(dir_okay=False, path_type=Path)
        options.append(click.option("-o", "--output", "file", type=path, help=told))
        told = "The most to list; 0 for all."
        many = click.IntRange(0)
        options.append(
            click.option("--limit", type=many, default=DEFAULT_LIMIT, show_default=True, help=told)
        )
    if asked.method == "DELETE":
        options.append(click.option("--yes", is_flag=True, help="Do not ask."))
    return options


def _option(name: str, member: Member) -> Any:  # noqa: ANN401 # a decorator
    flag, schema = f"--{name.replace('_', '-')}", member.schema
    help_text = _first_sentence(member.description) or "See the reference."
    if schema.get("type") == "boolean":
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=help_text)
    if schema.get("type") == "array":
        return click.option(flag, name, multiple=True, help=f"{help_text} Again for several.")
    kind: click.ParamType[Any] = _TYPES.get(str(schema.get("type")), click.STRING)
    if schema.get("enum"):
        kind = click.Choice([each for each in schema["enum"] if each], case_sensitive=False)
    return click.option(flag, name, type=kind, help=help_text)


def _takes_text(member: Member) -> bool:
    """Return whether an option can say a member; whatever cannot is said by --data."""
    kind = member.schema.get("type")
    if kind == "array":
        return member.schema.get("items", {}).get("type") in _SCALARS
    return kind in _SCALARS


def _request(
    asked: Operation, members: Mapping[str, Member], given: dict[str, Any]
) -> dict[str, Any]:
    """Return the members that were given, by their names in the contract."""
    sent: dict[str, Any] = _data(given.pop("data", None)) if asked.has_body else {}
    unset = given.pop("unset", ())
    known = {each.name for each in members.values()}
    for name, value in given.items():
        if value is not None and value != ():
            sent[members[name].name] = _value(members[name], value)
    for name in unset:
        member = name if name in known else _camel(name)
        if member not in known:
            raise click.UsageError(f"There is no member {name!r}.")
        sent[member] = None
    return sent


def _value(member: Member, value: Any) -> Any:  # noqa: ANN401 # as click read it
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bool) and not member.is_in_body:
        return str(value).lower()
    # A secret on the command line is everybody's who lists the processes.
    if value == STDIO and member.name in {"apiKey", "secret"}:
        return click.prompt(member.name, hide_input=True) if sys.stdin.isatty() else _line()
    return value


def _line() -> str:
    return sys.stdin.readline().strip()


def _data(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(_said(text))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--data: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError("--data must be an object.")
    return found


def _said(text: str) -> str:
    if text == STDIO:
        return sys.stdin.read()
    return Path(text[1:]).read_text("utf-8") if text.startswith("@") else text


def _path(asked: Operation, places: Sequence[Any]) -> str:
    path = asked.path
    for name, value in zip(asked.places, places, strict=True):
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    return path


def _pages(
    gateway: "Gateway", path: str, asked: Mapping[str, Any], limit: int
) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a list, page by page."""
    token, left = "", limit or sys.maxsize
    while left > 0:
        query = {**asked, "pageSize": min(left, PAGE_SIZE)} | (
            {"pageToken": token} if token else {}
        )
        page = gateway.call("GET", f"{path}?{urlencode(query)}")
        for item in items_of(page)[:left]:
            left -= 1
            yield item
        token = str(page.get("nextPageToken") or "")
        if not token:
            return


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0]
    return first.replace("`", "")


def _parameter(member: Member) -> str:
    return f"its_{name}" if (name := _snake(member.name)) in _TAKEN else name


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _camel(name: str) -> str:
    first, *others = re.split("[-_]", name)
    return first + "".join(map(str.capitalize, others))
