"""The commands about the configuration as a file."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from conduit_cli.admin_commands import administering
from conduit_cli.caller_commands import told
from conduit_cli.config_import_commands import import_group
from conduit_cli.private_file import open_private
from conduit_cli.terminal import printed, say

if TYPE_CHECKING:
    # What a command imports when it runs, so that each starts fast.
    from conduit_cli.configuration.applying import Outcome
    from conduit_cli.configuration.file import ConfigFile, FileProblems
    from conduit_cli.gateway import Gateway

DIFFERS = 2
WATCH_SECONDS = 1.0
_WITH_SECRETS = ("created virtual key ", "created webhook ")
# Those whose holders have them already.
_KNOWN = ", by its hash"


class _WrongCommandLine(click.UsageError):
    exit_code = 1


class _Command(click.Command):
    """Exits with 1 for a wrong command line, since 2 says that something differs."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 # as click calls it
        """Read the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _WrongCommandLine(error.format_message(), error.ctx) from error


_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_prune = click.option(
    "--prune",
    is_flag=True,
    help="Delete what the sections of FILE do not name. Sections that it does not have stay.",
)


@click.group()
def config() -> None:
    """Keep the configuration of a gateway as a file: YAML, or JSON."""


config.add_command(import_group)


@config.command(cls=_Command)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write. Default: standard output.",
)
@administering
def export(gateway: "Gateway", output: Path | None) -> None:
    """Write the configuration of a running gateway as a file, without secrets."""
    from conduit_cli.configuration.exporting import export as text_of  # noqa: PLC0415 # see above

    text = text_of(gateway)
    if output is None:
        say(text, nl=False)
    else:
        output.write_text(text, "utf-8")


@config.command(cls=_Command)
@_file
@_prune
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@administering
def diff(gateway: "Gateway", file: Path, *, prune: bool, as_json: bool) -> None:
    """Show what `apply` would change. Exits with 0 if nothing, with 2 if anything would."""
    with _read(file) as read:
        found = _applying(gateway, read, prune=prune).compare()
    if as_json:
        say(json.dumps({"changes": found.lines, "kept": found.kept}, ensure_ascii=False))
    else:
        _show(found)
    sys.exit(DIFFERS if found.lines else 0)


@config.command(cls=_Command)
@_file
@_prune
@click.option("--yes", is_flag=True, help="Apply it without asking.")
@click.option("--watch", is_flag=True, help="Apply it again whenever FILE changes; without asking.")
@click.option(
    "--secrets-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where new virtual keys and secrets of webhooks are written, as JSON Lines, for its owner "
    "alone; - prints them. Default: the terminal, if there is one.",
)
@administering
def apply(
    gateway: "Gateway",
    file: Path,
    *,
    prune: bool,
    yes: bool,
    watch: bool,
    secrets_file: Path | None,
) -> None:
    """Make a running gateway what FILE says. Applied again it changes nothing.

    What FILE does not name stays, unless --prune is given.
    """
    if not watch:
        _apply(gateway, file, secrets_file, prune=prune, asks=not yes)
        return
    from conduit_cli.configuration.watching import changes  # noqa: PLC0415 # see above

    say(f"Watching {file}.", err=True)
    last = _LastTry()
    for _ in changes(file, lambda: time.sleep(WATCH_SECONDS), lambda: last.is_due_again):
        try:
            with told(gateway):
                _apply(gateway, file, secrets_file, prune=prune, asks=False)
            last.is_due_again = False
        except click.ClickException as error:
            error.show()
            # A file that is wrong is waited for; a gateway that is away is asked again.
            last.is_due_again = error.__cause__ is not None and not _is_of_file(error.__cause__)


@config.command(cls=_Command)
@_file
def validate(file: Path) -> None:
    """Check FILE without any gateway. All that is wrong is told, with its line."""
    from conduit_cli.configuration.file import FileProblems  # noqa: PLC0415 # see above
    from conduit_cli.configuration.validation import problems_of  # noqa: PLC0415 # see above

    with _read(file) as read:
        if found := problems_of(read):
            raise FileProblems(found)
    say(f"{file} is right.")


@config.command(cls=_Command)
@click.option(
    "--since",
    default="",
    help="A day, such as 2026-11-30: models that were found before it are not new.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where mappings of the new models are written, to be looked at and applied.",
)
@administering
def discovered(gateway: "Gateway", since: str, output: Path | None) -> None:
    """Show models that came, went, or will go, as far as instances were asked for theirs.

    Exits with 0 if there are none, with 2 if there are any. Nothing is changed.
    """
    import yaml  # noqa: PLC0415 # see above

    from conduit_cli.configuration.discovered import discovered as differences  # noqa: PLC0415 # see above

    found = differences(gateway, since)
    lines = list(found.lines())
    for line in lines or ["Nothing differs."]:
        say(line)
    if output is not None:
        text = yaml.safe_dump({"mappings": found.new}, sort_keys=False, allow_unicode=True)
        output.write_text(text, "utf-8")
    sys.exit(DIFFERS if lines else 0)


@config.command(cls=_Command)
def schema() -> None:
    """Print the JSON Schema of such files, for editors."""
    from conduit_cli.configuration.schema import schema as whole  # noqa: PLC0415 # see above

    say(json.dumps(whole(), indent=2, ensure_ascii=False))


def _applying(gateway: "Gateway", file: "ConfigFile", *, prune: bool) -> Any:  # noqa: ANN401 # imported late
    from conduit_cli.configuration.applying import Applying  # noqa: PLC0415 # see above

    return Applying(gateway, file, prunes=prune)


@dataclass(slots=True)
class _LastTry:
    """The outcome of the last time that a file was applied."""

    is_due_again: bool = True


def _is_of_file(cause: BaseException) -> bool:
    from conduit_cli.configuration.file import FileProblems  # noqa: PLC0415 # see above

    return isinstance(cause, FileProblems | UnicodeError)


def _apply(
    gateway: "Gateway", file: Path, secrets_file: Path | None, *, prune: bool, asks: bool
) -> None:
    with _read(file) as read:
        work = _applying(gateway, read, prune=prune)
        # Where nobody is asked, and all is known that has to be, once is enough.
        if asks or secrets_file is None:
            found = work.compare()
            _check_secrets(found, secrets_file)
            if asks or not found.lines:
                _show(found)
            if not found.lines:
                return
        if asks:
            click.confirm("Apply this?", abort=True)
        with _telling(secrets_file) as tell:
            done: Outcome = work.apply(tell)
    say(f"{len(done.lines)} changes are in use." if done.lines else "Nothing differs.")


def _check_secrets(found: "Outcome", secrets_file: Path | None) -> None:
    """Refuse to make what is shown once where nobody would see it but a log."""
    made = [line for line in found.lines if line.startswith(_WITH_SECRETS)]
    if (
        any(not line.endswith(_KNOWN) for line in made)
        and secrets_file is None
        and not sys.stdout.isatty()
    ):
        raise click.ClickException(
            "New virtual keys and webhooks have secrets that are shown once: say with "
            "--secrets-file where they are to be written, or - to print them."
        )


@contextmanager
def _telling(path: Path | None) -> "Iterator[Callable[[str, str], None]]":
    """Yield what tells a change, and writes what is shown of it this once before anything else."""
    with ExitStack() as stack:
        file: TextIO = printed()
        if path is not None and str(path) != "-":
            file = stack.enter_context(open_private(path, appends=True))

        def tell(line: str, secret: str) -> None:
            if secret:
                label = line.removeprefix("created ")
                said = {"created": label, "secret": secret}
                file.write(f"{json.dumps(said, ensure_ascii=False)}\n")
                file.flush()
            say(line)

        yield tell


def _show(found: "Outcome") -> None:
    for line in found.lines:
        say(line)
    for label in found.kept:
        say(f"not in the file: {label}", err=True)
    if not found.lines:
        say("Nothing differs.")


@contextmanager
def _read(path: Path) -> "Iterator[ConfigFile]":
    """Read a file, and tell all that is found to be wrong with it, each with its line."""
    from conduit_cli.configuration.file import ConfigFile, FileProblems  # noqa: PLC0415 # see above

    try:
        read = ConfigFile.read(path)
    except FileProblems as error:
        raise click.ClickException(_told(error, str(path), None)) from error
    except (OSError, UnicodeError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from error
    try:
        yield read
    except FileProblems as error:
        raise click.ClickException(_told(error, str(path), read)) from error


def _told(error: "FileProblems", path: str, file: "ConfigFile | None") -> str:
    lines = [
        f"{file.place_of(each.path) if file else path}: {each.path}: {each.message}".replace(
            ": : ", ": "
        )
        for each in error.problems
    ]
    return "\n".join([f"{len(lines)} things are wrong.", *lines] if len(lines) > 1 else lines)
