"""What commands print. A terminal obeys some signs, and what is printed is often others' words."""

import io
import re
import sys
from typing import Any, TextIO, cast

import click

# Control characters but ends of lines and tabs; of those above 127 some terminals take one for the
# beginning of a command.
_OBEYED = re.compile(r"\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Styled(str):
    """A text of a command's own, whose style a terminal is to obey."""

    __slots__ = ()


def shown(text: str) -> str:
    """Return a text with what a terminal would obey written out, as JSON writes it."""
    return _OBEYED.sub(_written_out, text)


def say(
    text: object = "",
    *,
    nl: bool = True,
    err: bool = False,
    file: TextIO | None = None,
    mark: str = "",
) -> None:
    """Print a text, as it is `shown` where it goes to a terminal; programs get it as it is.

    `mark` comes before it: a command's own, such as a sign in a colour.
    """
    stream = file or (sys.stderr if err else sys.stdout)
    if isinstance(text, Styled):
        mark, text = f"{mark}{text}", ""
    told = f"{mark}{shown(str(text))}" if stream.isatty() else f"{click.unstyle(mark)}{text}"
    stream.write(f"{told}\n" if nl else told)
    stream.flush()


def printed() -> TextIO:
    """Return standard output, for what writes to files."""
    return cast("TextIO", _Printed())


class _Printed(io.TextIOBase):
    def write(self, text: str) -> int:
        say(text, nl=False)
        return len(text)


class SafeGroup(click.Group):
    """Commands whose errors may have others' words."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 # whatever a command returns
        """Run a command; write out what a terminal would obey of its error."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = shown(error.message)  # type: ignore[misc] # it is printed as it is
            raise


def _written_out(found: re.Match[str]) -> str:
    sign = found[0]
    return "\n" if sign == "\r\n" else f"\\u{ord(sign):04x}"
