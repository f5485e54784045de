"""The caller's side of a conversation with the plainest agent there is."""

from collections.abc import Sequence

import orjson
import pytest
from tests.support.translators import kinds, said

from conduit.v1.charge_pb2 import UNIT_SESSION_MILLISECOND
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call, Form
from conduit_providers.codecs.shared.agent_session import AgentSession
from conduit_providers.codecs.shared.agent_settings import AgentSettings
from conduit_providers.operations.converse import realtime_opening
from conduit_providers.session_codec import Frame, SessionEvent, Step


class Plain(AgentSession):
    """Sends all as it is, and says what it is sent."""

    def sound(self, sound: bytes) -> Frame:
        """Send it as it is."""
        return sound

    def text(self, text: str) -> Frame:
        """Send it as it is."""
        return text

    def result(self, call_id: str, output: str) -> Frame:
        """Name both."""
        return f"{call_id}: {output}"

    def change(self, before: AgentSettings) -> Sequence[Step]:
        """Take other instructions once."""
        if before.instructions:
            raise InvalidRequest("Too late", field="session")
        return ("changed",)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Call a function."""
        return tuple(self.calls("call_1", "look", "{}"))


@pytest.fixture
def session() -> Plain:
    """Return a session."""
    return Plain(Call(realtime_opening("alias"), alias="alias", model="m", provider="Lumen"))


def written(text: str) -> SessionEvent:
    """Return the event of a text of the caller's."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return said("conversation.item.create", item=item)


def returned(call_id: str) -> SessionEvent:
    """Return the event of a function's output."""
    item = {"type": "function_call_output", "call_id": call_id, "output": "sunny"}
    return said("conversation.item.create", item=item)


def test_a_session_is_opened_once(session: Plain) -> None:
    """Whatever the connections."""
    assert kinds(list(session.opened("a"))) == ["created"]
    assert session.is_open
    assert list(session.opened("b")) == []


def test_what_is_written_goes_out_with_the_response_that_is_asked_for(session: Plain) -> None:
    """All of it together; there is nothing to answer after it."""
    assert kinds(session.to_upstream(written("Hello"))) == ["added", "done"]
    session.to_upstream(written("there"))
    assert list(session.to_upstream(said("response.create"))) == ["Hello\n\nthere"]
    assert kinds(session.to_upstream(said("response.create"))) == ["error"]


def test_a_function_returns_once(session: Plain) -> None:
    """The agent goes on by itself, so that asking for a response is no error, once."""
    session.from_upstream("look")
    assert session.to_upstream(returned("call_1"))[-1] == "call_1: sunny"
    assert list(session.to_upstream(said("response.create"))) == []
    assert kinds(session.to_upstream(returned("call_1"))) == ["error"]
    assert kinds(session.to_upstream(said("response.create"))) == ["error"]


def test_settings_that_cannot_be_had_are_not_told_as_such(session: Plain) -> None:
    """Those that hold stay."""

    def instructed(text: str) -> Sequence[Step]:
        return session.to_upstream(said("session.update", session={"instructions": text}))

    assert instructed("a")[0] == "changed"
    assert kinds(instructed("b")) == ["error"]
    assert session.settings.instructions == "a"
    assert kinds(instructed("a")) == ["updated"]


def test_the_callers_words_are_told_unless_it_does_not_want_them(session: Plain) -> None:
    """The item itself is told all the same."""
    assert kinds(list(session.heard_words("Hello")))[-1] == "completed"
    none = {"audio": {"input": {"transcription": None}}}
    session.to_upstream(said("session.update", session=none))
    steps = list(session.heard_words("Hello"))
    assert kinds(steps)[-1] == "done"
    assert "Hello" not in str([each.json for each in steps if isinstance(each, Form)])


def test_an_interruption_and_the_words_behind_it_are_of_one_item(session: Plain) -> None:
    """Speech begins once."""
    list(session.response.say("Once", is_spoken=True))
    steps = [*session.interrupted(), *session.heard_words("Stop")]
    told = [orjson.loads(each.json) for each in steps if isinstance(each, Form)]
    started = [e["item_id"] for e in told if e["type"].endswith("speech_started")]
    completed = [e["item_id"] for e in told if e["type"].endswith("completed")]
    assert started == completed == ["item_2"]


def test_a_session_counts_its_time_alone(session: Plain) -> None:
    """By whoever measures it; one that was never there counts nothing."""
    assert session.uncounted(0) is None
    lasted = session.uncounted(1500)
    assert lasted is not None
    assert lasted.count(int(UNIT_SESSION_MILLISECOND)) == 1500
    assert session.usage.leaves == ()
