"""What is printed on a terminal, which obeys some signs."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import pytest
from tests.support.gateway_answers import answering_at

from conduit_cli.commands import conduit
from conduit_cli.terminal import SafeGroup, Styled, printed, say, shown

# Clears the screen, sets the clipboard, colours in the other form; rings, and goes back.
ATTACK = "a\x1b[2J\x1b]52;c;cm0=\x07\x9b31mb\x08\r\x7fc"
END = "<end>"
SHOWN = r"a\u001b[2J\u001b]52;c;cm0=\u0007\u009b31mb\u0008\u000d\u007fc"


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bytes]]:
    """Have standard output and errors be a terminal; yield what reads what it was sent."""
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        patch.setattr("sys.stderr", stream)

        def read() -> bytes:
            # What is written comes in pieces.
            stream.write(END)
            stream.flush()
            sent = b""
            while not sent.endswith(END.encode()):
                sent += os.read(master, 65536)
            return sent.removesuffix(END.encode())

        yield read
    os.close(master)


def test_what_a_terminal_would_obey_is_written_out() -> None:
    """Ends of lines and tabs are not, nor is what people write."""
    assert shown(ATTACK) == SHOWN
    plain = "line\n\tGr\u00fc\u00dfe \u05e9\u05dc\u05d5\u05dd \U0001f600"
    assert shown(plain) == plain
    assert shown("a\r\nb") == "a\nb"
    # What is written out of JSON is JSON still.
    assert json.loads(shown(json.dumps(ATTACK, ensure_ascii=False))) == ATTACK


def test_a_terminal_is_sent_no_command_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """But those of the command itself."""
    own = click.style("!", fg="red")
    with terminal(monkeypatch) as read:
        say(ATTACK, mark=own, nl=False)
        printed().write(ATTACK)
        say(Styled(own), nl=False)
        say(ATTACK, err=True)
        sent = read()
    assert sent == f"{own}{SHOWN * 2}{own}{SHOWN}\r\n".encode()


def test_programs_get_it_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A file may well have such signs."""
    say(ATTACK, nl=False)
    assert capsys.readouterr().out == ATTACK


def test_answers_and_errors_are_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one is a model's words, the other a gateway's."""
    chunk = json.dumps({"choices": [{"delta": {"content": ATTACK}}]})
    events = f"data: {chunk}\n\ndata: [DONE]\n\n".encode()
    error = json.dumps({"error": {"message": ATTACK, "code": "c"}}).encode()
    for status, body in ((200, events), (400, error)):
        with answering_at(status, body) as url, terminal(monkeypatch) as read:
            with pytest.raises(SystemExit):
                conduit(["chat", "hi", "--url", url, "--key", "condt_x"])
            sent = read()
        assert SHOWN.encode() in sent
        assert b"\x1b" not in sent


def test_sound_is_not_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the provider's bytes, sound or not."""
    with answering_at(200, ATTACK.encode()) as url, terminal(monkeypatch) as read:
        with pytest.raises(SystemExit) as ended:
            conduit(["speak", "hi", "-o", "-", "--url", url, "--key", "condt_x"])
        sent = read()
    assert ended.value.code == click.UsageError.exit_code
    assert b"is not for a terminal" in sent


def test_errors_of_all_commands_are_written_out() -> None:
    """Of groups within groups."""

    @click.group(cls=SafeGroup)
    def outer() -> None:
        """Have groups."""

    @outer.group()
    def inner() -> None:
        """Have commands."""

    @inner.command()
    def fails() -> None:
        """Fail."""
        raise click.ClickException(ATTACK)

    with pytest.raises(click.ClickException) as raised:
        outer(["inner", "fails"], standalone_mode=False)
    assert raised.value.message == SHOWN
    assert isinstance(conduit, SafeGroup)
