"""The reference of the command, made of its own parsers."""

from collections.abc import Iterator

import click
from tools.documentation.markdown import code, table


def command_page(root: click.Command) -> str:
    """Return the page: every command that is shown, with its arguments and options."""
    return "# The command\n\n" + "\n".join(_sections(root, "conduit", None))


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    # No help is asked of it, so that no more than its parser is made.
    context = click.Context(command, info_name=name, parent=parent)
    yield _section(command, context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None and not inner.hidden:
                yield from _sections(inner, each, context)


def _section(command: click.Command, context: click.Context) -> str:
    rows = [
        [code(record[0]), record[1]]
        for param in command.get_params(context)
        if (record := param.get_help_record(context)) is not None
    ]
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = (command.help or command.short_help or "").replace("\b\n", "").strip()
    # Examples of commands are indented, which Markdown shows as code.
    return (
        f"## {context.command_path}\n\n```text\n{usage}\n```\n\n{text}\n\n"
        f"{table(['Option', ''], rows) if rows else ''}"
    )
