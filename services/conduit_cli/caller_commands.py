"""The commands that call models of a running gateway: chat, speak, transcribe, image."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conduit_cli.options import data_dir_option
from conduit_cli.terminal import say

if TYPE_CHECKING:
    # What a command imports when it runs, so that each starts fast.
    from conduit_cli.gateway import Gateway

STDIO = "-"
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
TRANSCRIPTS = ("text", "json", "verbose_json", "srt", "vtt")
MAX_IMAGES = 10


def calling(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options by which a gateway is found, and tell its errors in one line."""

    @click.option("--url", help="Where the gateway is. Default: CONDUIT_URL, else the local one.")
    @click.option("--key", help="A virtual key. Default: CONDUIT_API_KEY, else the local one.")
    @data_dir_option
    @wraps(command)
    def run(url: str | None, key: str | None, data_dir: Path, **asked: object) -> None:
        gateway = _gateway(url, key, data_dir)
        with told(gateway):
            command(gateway, **asked)

    return run


def _gateway(url: str | None, key: str | None, data_dir: Path) -> "Gateway":
    from conduit_cli.chat import NoKey, find_gateway  # noqa: PLC0415 # as above
    from conduit_cli.keys import KeysUnusable  # noqa: PLC0415 # as above

    try:
        return find_gateway(url, key, data_dir, os.environ)
    except (NoKey, KeysUnusable, ValueError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def told(gateway: "Gateway") -> Iterator[None]:
    """Tell what goes wrong with a gateway in one line."""
    from conduit_cli.chat import models  # noqa: PLC0415 # as above
    from conduit_cli.gateway import GatewayError  # noqa: PLC0415 # as above

    try:
        yield
    except GatewayError as error:
        known = models(gateway) if error.code.upper() == "MODEL_NOT_FOUND" else []
        hint = f"\nChoose with --model: {', '.join(known)}" if known else ""
        raise click.ClickException(f"{error}{hint}") from error
    except ValueError as error:
        raise click.ClickException("The answer is not one of a gateway.") from error
    except OSError as error:
        if error.filename is not None:
            raise click.ClickException(str(error)) from error
        raise click.ClickException(
            f"No answer: {error}. Is a gateway running? Start one with `conduit serve`, or say "
            "with --url where it is."
        ) from error


def _said(text: str | None) -> str:
    """Return a text, or what standard input has of it."""
    if text in {None, STDIO}:
        text = sys.stdin.read().strip()
    if not text:
        raise click.UsageError("There is nothing to ask.")
    return text


_model = click.option("--model", default="echo", show_default=True, help="The model alias to ask.")


@click.command()
@click.argument("text", required=False)
@_model
@calling
def chat(gateway: "Gateway", text: str | None, model: str) -> None:
    """Ask a model of a running gateway. Without TEXT, or with -, reads standard input."""
    from conduit_cli.chat import answer  # noqa: PLC0415 # as above

    for piece in answer(gateway, model, _said(text)):
        say(piece, nl=False)
    say()


@click.command()
@click.argument("text", required=False)
@_model
@click.option("--voice", default="alloy", show_default=True, help="Whose voice to speak with.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="mp3",
    show_default=True,
    help="Of FILE.",
)
@click.option("--instructions", help="How to speak, for models that can be told.")
@click.option("--speed", type=click.FloatRange(0.25, 4.0), help="From 0.25 to 4.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The file to write; - is standard output. Default: speech, with the format as its ending.",
)
@calling
def speak(
    gateway: "Gateway",
    *,
    text: str | None,
    model: str,
    voice: str,
    kind: str,
    instructions: str | None,
    speed: float | None,
    output: Path | None,
) -> None:
    """Have TEXT spoken, and write the sound to a file. Without TEXT reads standard input."""
    from conduit_cli.media import speech, store  # noqa: PLC0415 # as above

    wish = {"model": model, "input": _said(text), "voice": voice, "response_format": kind}
    wish |= {"instructions": instructions} if instructions else {}
    if str(output) == STDIO and sys.stdout.isatty():
        # What a provider says a terminal would obey, sound or not.
        raise click.UsageError("Sound is not for a terminal: name a file, or send it on.")
    sound = speech(gateway, wish | ({"speed": speed} if speed is not None else {}))
    _tell(store(sound, output or Path(f"speech.{kind}")))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_model
@click.option("--language", help="What is spoken, such as `de`. Default: whatever is heard.")
@click.option("--prompt", help="Words that lead the transcript, such as names.")
@click.option(
    "--format", "kind", type=click.Choice(TRANSCRIPTS), default="text", show_default=True,
    help="What to print.",
)  # fmt: skip
@calling
def transcribe(
    gateway: "Gateway",
    *,
    file: Path,
    model: str,
    language: str | None,
    prompt: str | None,
    kind: str,
) -> None:
    """Print what is said in FILE, a recording."""
    from conduit_cli.media import transcript  # noqa: PLC0415 # as above

    fields = {"model": model, "response_format": kind}
    fields |= {"language": language} if language else {}
    fields |= {"prompt": prompt} if prompt else {}
    say(transcript(gateway, file, fields).rstrip("\n"))


@click.command()
@click.argument("prompt", required=False)
@_model
@click.option("--size", help="Such as 1024x1024. Default: the model's.")
@click.option("--quality", help="Such as `high`. Default: the model's.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, MAX_IMAGES),
    default=1,
    show_default=True,
    help="How many.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write. Of several, each has its number before the ending. Default: image, "
    "with the ending of its kind.",
)
@calling
def image(
    gateway: "Gateway",
    *,
    prompt: str | None,
    model: str,
    size: str | None,
    quality: str | None,
    count: int,
    output: Path | None,
) -> None:
    """Have PROMPT drawn, and write the pictures to files. Without PROMPT reads standard input."""
    from conduit_cli.media import ending_of, images, numbered, store  # noqa: PLC0415 # as above

    wish = {"model": model, "prompt": _said(prompt), "n": count, "response_format": "b64_json"}
    wish |= {"size": size} if size else {}
    drawn = images(gateway, wish | ({"quality": quality} if quality else {}))
    for number, picture in enumerate(drawn, 1):
        path = output or Path(f"image{ending_of(picture)}")
        _tell(store([picture], numbered(path, number) if len(drawn) > 1 else path))


def _tell(stored: tuple[Path, int]) -> None:
    path, size = stored
    if str(path) != STDIO:
        say(f"{path}: {size:,} bytes")


CALLER_COMMANDS = (chat, speak, transcribe, image)
