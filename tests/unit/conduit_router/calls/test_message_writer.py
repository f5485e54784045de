"""What the pieces of a stream are handed on as messages, with and without any pieces."""

from conduit.v1 import router_requests_pb2 as pb
from conduit_providers.chat_events import ChatEvents
from conduit_providers.operations.chat import OPERATION
from conduit_providers.quantities import plain
from conduit_router.calls.message_writer import MessageWriter
from conduit_router.served_by import CallSummary, ServedBy

SUMMARY = CallSummary(ServedBy(3, "Prod", "key_1", "m"), "req_1", 1, 0, 0.5, None, [], "")
FINAL = CallSummary(SUMMARY.served_by, "req_1", 1, 0, 0.5, 42, [], "")
PIECE = ChatEvents(sse=b'data: {"choices":[]}\n\n')


def messages() -> MessageWriter:
    """Return a writer of an RPC's messages whose caller speaks JSON."""
    return MessageWriter(OPERATION, pb.StreamChatResponse, is_typed=False)


def test_the_first_message_says_who_answers() -> None:
    """And none after it; each piece is a message of its own, not the last one again."""
    writer = messages()
    writer.start(SUMMARY)
    first, second = writer.piece(PIECE), writer.piece(PIECE)
    assert OPERATION.started(first).provider_id == 3
    assert OPERATION.started(second).provider_id == 0
    assert first is not second
    assert first.events == second.events == PIECE.sse


def test_a_stream_without_pieces_is_one_message_that_says_all() -> None:
    """Who answered, what it used and what it cost: nothing is lost for lack of a piece."""
    writer = messages()
    writer.start(SUMMARY)
    last = writer.end(plain(3, 0), FINAL)
    assert OPERATION.started(last).provider_id == 3
    assert OPERATION.finished(last, plain(3, 0), is_typed=False).cost_nano_usd == 42
