"""What is wrong on the way to providers is made here, and found."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate

import pytest

from conduit_cli.doctor.finding import ERROR
from conduit_cli.doctor.reach import Answered, addresses_of, ask, look

NOW = 1_795_435_200.0


@contextmanager
def speaking(answer: bytes) -> Iterator[str]:
    """Serve one answer, whatever is asked; return where."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


def kinds(ask: Callable[[str], Answered], names: str = "A") -> dict[str, str]:
    """Return what is found of providers by these names."""
    addresses = [(name, f"https://{name}.example") for name in names]
    return {each.kind: each.level for each in look(addresses, lambda: NOW, ask)}


def failing(error: OSError) -> Callable[[str], Answered]:
    """Return what asks in vain."""

    def asked(_: str) -> Answered:
        raise error

    return asked


def test_a_clock_that_is_wrong_is_found() -> None:
    """By what most providers say; one of them may be wrong itself."""
    assert kinds(lambda _: Answered(NOW - 30)) == {}
    assert kinds(lambda _: Answered(NOW - 400)) == {"clock-skew": ERROR}
    assert kinds(lambda _: Answered(NOW + 400)) == {"clock-skew": ERROR}
    assert kinds(lambda url: Answered(NOW + 400 if "A" in url else NOW), "ABC") == {}
    assert kinds(lambda _: Answered(None)) == {}


def test_a_name_that_nobody_knows_is_found() -> None:
    """DNS is dead, or the name is misspelt."""
    assert kinds(failing(socket.gaierror(-2, "Name or service not known"))) == {"dns": ERROR}


def test_an_address_where_nobody_answers_is_found() -> None:
    """Whatever the reason."""
    assert kinds(failing(ConnectionRefusedError(111, "refused"))) == {"unreachable": ERROR}
    assert kinds(failing(TimeoutError("timed out"))) == {"unreachable": ERROR}


def test_a_certificate_that_is_not_believed_is_found() -> None:
    """Something between may speak for the provider."""
    error = ssl.SSLCertVerificationError(1, "self-signed certificate")
    error.verify_message = "self-signed certificate"
    assert kinds(failing(error)) == {"certificate-refused": ERROR}


def test_the_time_of_an_answer_is_read() -> None:
    """Of any answer, an error included; none where it says none."""
    date = formatdate(NOW, usegmt=True).encode()
    with speaking(b"HTTP/1.1 401 No\r\nDate: " + date + b"\r\nContent-Length: 0\r\n\r\n") as url:
        assert ask(url) == Answered(NOW)
    for line in (b"", b"Date: yesterday\r\n"):
        with speaking(b"HTTP/1.1 200 OK\r\n" + line + b"Content-Length: 0\r\n\r\n") as url:
            assert ask(url) == Answered(None)


def test_what_speaks_no_http_does_not_answer() -> None:
    """It may be a database's port."""
    with speaking(b"\x00\x01\x02 hello\r\n\r\n") as url, pytest.raises(OSError, match="no HTTP"):
        ask(url)


def test_each_address_is_asked_once() -> None:
    """Of instances that are on, at their own address or their type's; none that settings make."""
    types = [
        {"name": "OpenAI", "baseUrl": "https://api.openai.com/v1"},
        {"name": "AzureOpenAI", "baseUrl": "https://{resource}.openai.azure.com"},
    ]
    providers = [
        {"name": "a", "providerType": "OpenAI", "isEnabled": True, "baseUrl": ""},
        {"name": "b", "providerType": "OpenAI", "isEnabled": True, "baseUrl": None},
        {"name": "c", "providerType": "OpenAI", "isEnabled": False, "baseUrl": "https://c.example"},
        {"name": "d", "providerType": "AzureOpenAI", "isEnabled": True, "baseUrl": ""},
        {"name": "e", "providerType": "New", "isEnabled": True, "baseUrl": "http://e.example:1/v1"},
    ]
    assert addresses_of(providers, types) == [
        ("a", "https://api.openai.com"),
        ("e", "http://e.example:1"),
    ]
