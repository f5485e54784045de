"""Messages in frames, and codecs of gRPC as jobs."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codec import Codec, StreamingCodec
from conduit_providers.grpc_codec import GrpcCodec, framed, messages_in
from conduit_providers.wire import GrpcMethod, GrpcRequest


def test_messages_come_out_as_they_went_in() -> None:
    """Also empty ones, none, and those whose bytes look like frames."""
    for messages in ([], [b""], [b"a", b"", b"\0\0\0\0\1x"], [bytes(70_000)]):
        assert list(messages_in(framed(messages))) == messages


@pytest.mark.parametrize(
    "data", [b"\0", b"\0\0\0\0", b"\0\0\0\0\2x", b"\1\0\0\0\1x", b"\0\0\0\0\0\0"]
)
def test_what_is_not_framed_makes_no_sense(data: bytes) -> None:
    """Cut, or compressed, which nobody asked for."""
    with pytest.raises(UpstreamError, match="P sent an answer that makes no sense"):
        list(messages_in(data, "P"))


def test_requests_show_no_credentials() -> None:
    """Their metadata may hold some."""
    request = GrpcRequest(GrpcMethod("/a.B/C"), (b"canary",), (("authorization", "canary"),))
    assert "canary" not in repr(request)


def test_codecs_of_http_are_none_of_grpc() -> None:
    """Their methods have the same names, so that the catalog checks both alike."""
    from conduit_providers.codecs.openai.chat import CODEC  # noqa: PLC0415 # one of HTTP

    assert isinstance(CODEC, Codec)
    assert isinstance(CODEC, StreamingCodec)
    assert not isinstance(CODEC, GrpcCodec)
