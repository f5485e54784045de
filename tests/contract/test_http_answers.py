"""Response messages become HTTP answers."""

import orjson
import pytest

from conduit.v1 import (
    model_pb2,
    notification_requests_pb2,
    options_pb2,
    provider_pb2,
    provider_requests_pb2,
    registry_requests_pb2,
    router_requests_pb2,
)
from conduit.v1.audio_requests_pb2 import SpeakResponse, TranscribeResponse
from conduit.v1.call_pb2 import CallReport
from conduit.v1.converse_requests_pb2 import ConverseResponse, SessionEnd
from conduit.v1.form_pb2 import Content
from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.image_requests_pb2 import StartImageGenerationResponse
from conduit.v1.notification_pb2 import NOTIFICATION_KIND_PROVIDER_UNHEALTHY, Notification
from conduit.v1.task_pb2 import TASK_STATUS_RUNNING, Task


def route(rpc: str) -> Route:
    """Return the first route of an RPC."""
    return next(r for r in ROUTES if r.rpc == rpc)


def test_raw_answers_are_not_looked_into() -> None:
    """A chat's answer goes out as the provider sent it."""
    for body in (b'{"id":"x"}', b"", b"\xff"):
        assert route("Chat").write(router_requests_pb2.ChatResponse(json=body)) == body


def test_an_answer_can_be_one_field() -> None:
    """The provider is the body."""
    provider = provider_pb2.Provider(id=1, name="OpenAI Production")
    body = route("GetProvider").write(provider_requests_pb2.GetProviderResponse(provider=provider))
    assert orjson.loads(body)["name"] == "OpenAI Production"
    assert route("GetProvider").media_type == b"application/json"


def test_an_answer_can_be_the_whole_message() -> None:
    """A page has its items and where the next one starts."""
    response = registry_requests_pb2.ListProviderTypesResponse()
    assert route("ListProviderTypes").write(response) == b'{"providerTypes":[],"nextPageToken":""}'


def test_an_openai_list_has_its_members_always() -> None:
    """Also when it is empty."""
    response = router_requests_pb2.ListModelsResponse(object="list")
    assert route("ListModels").write(response) == b'{"object":"list","data":[]}'
    response.data.append(model_pb2.Model(id="gpt-4o", object="model", owned_by="conduit"))
    model = orjson.loads(route("ListModels").write(response))["data"][0]
    assert model == {"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "conduit"}


def test_an_empty_answer_has_no_body() -> None:
    """A deletion says 204 and nothing else."""
    deleted = route("DeleteProvider")
    assert deleted.success_status == 204
    assert deleted.write(provider_requests_pb2.DeleteProviderResponse()) == b""
    assert deleted.media_type == b""


@pytest.mark.parametrize(
    ("rpc", "status"), [("CreateProvider", 201), ("GetProvider", 200), ("TestProvider", 200)]
)
def test_success_has_the_contracts_status(rpc: str, status: int) -> None:
    """201 where something was made, else 200."""
    assert route(rpc).success_status == status


def test_events_of_a_chat_are_not_looked_into() -> None:
    """Whole events go out as they came; the last message has nothing to send."""
    served = route("StreamChat")
    events = b'data: {"id":"1"}\n\ndata: [DONE]\n\n'
    assert served.write(router_requests_pb2.StreamChatResponse(events=events)) == events
    last = router_requests_pb2.StreamChatResponse(finished=router_requests_pb2.StreamEnd())
    assert served.write(last) == b""
    assert served.media_type == b"text/event-stream"
    assert served.framing == options_pb2.FRAMING_SERVER_SENT_EVENTS


def test_other_streams_are_framed_as_events() -> None:
    """A message becomes one event."""
    notification = Notification(id=7, kind=NOTIFICATION_KIND_PROVIDER_UNHEALTHY, message="a\nb")
    told = notification_requests_pb2.WatchNotificationsResponse(notification=notification)
    event = route("WatchNotifications").write(told)
    # The name is what a client that comes back says it had last.
    assert event.startswith(b'id: 7\ndata: {"id":7,')
    assert b'"kind":"ProviderUnhealthy"' in event
    assert b'"message":"a\\nb"' in event
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 3


def test_sound_is_sent_as_it_is() -> None:
    """The first message of a stream of sound says what it is."""
    served = route("Speak")
    assert served.media_type_of is not None
    first = SpeakResponse(audio=b"\xff\xfb", content_type="audio/mpeg")
    assert served.write(first) == b"\xff\xfb"
    assert served.media_type_of(first) == b"audio/mpeg"
    assert served.media_type_of(SpeakResponse()) is None
    assert served.media_type == b"application/octet-stream"
    events = SpeakResponse(events=b"data: {}\n\n", content_type="text/event-stream")
    assert served.write(events) == b"data: {}\n\n"


@pytest.mark.parametrize("rpc", ["Transcribe", "Translate"])
def test_a_document_says_what_it_is(rpc: str) -> None:
    """Subtitles are no JSON."""
    served = route(rpc)
    answer = TranscribeResponse(content=Content(content_type="text/vtt", body=b"WEBVTT\n"))
    assert served.write(answer) == b"WEBVTT\n"
    assert served.media_type_of is not None
    assert served.media_type_of(answer) == b"text/vtt"


def test_a_task_is_accepted() -> None:
    """It is not done yet."""
    served = route("StartImageGeneration")
    assert served.success_status == 202
    task = Task(id="task_1", object="task", status=TASK_STATUS_RUNNING, result_json=b'{"data":[]}')
    received = orjson.loads(served.write(StartImageGenerationResponse(task=task)))
    assert (received["status"], received["result"]) == ("running", {"data": []})


def test_an_event_of_a_session_is_its_json() -> None:
    """What has no JSON, such as the end, is not sent."""
    served = route("Converse")
    assert served.write(ConverseResponse(json=b'{"type":"x"}')) == b'{"type":"x"}'
    assert served.write(ConverseResponse(finished=SessionEnd(seconds=3))) == b""
    opened = ConverseResponse(started=CallReport(attempts=2))
    assert read_lines(served.write_report(opened))[b"x-conduit-attempts"] == b"2"


REPORT = CallReport(
    request_id="req_1",
    provider_id=3,
    provider_name="OpenAI Production",
    key_id="key_7",
    actual_model_name="gpt-4o",
    attempts=2,
    overhead_ms=0.1834,
    cost_nano_usd=1_247_500,
    dropped=["logit_bias", "seed"],
)


def read_lines(lines: bytes) -> dict[bytes, bytes]:
    """Return the headers that the lines of a head say; each line is ended."""
    *fields, rest = lines.split(b"\r\n")
    assert rest == b""
    return dict(field.split(b": ", 1) for field in fields)


def test_reports_become_headers() -> None:
    """Numbers always, texts that are not empty, and the cost if it is known."""
    headers = read_lines(
        route("Chat").write_report(router_requests_pb2.ChatResponse(report=REPORT))
    )
    assert headers == {
        b"x-conduit-request-id": b"req_1",
        b"x-conduit-provider-id": b"3",
        b"x-conduit-provider": b"OpenAI Production",
        b"x-conduit-key-id": b"key_7",
        b"x-conduit-model": b"gpt-4o",
        b"x-conduit-attempts": b"2",
        b"x-conduit-fallbacks": b"0",
        b"x-conduit-overhead-ms": b"0.183",
        b"x-conduit-cost": b"0.0012475",
        b"x-conduit-dropped": b"logit_bias, seed",
    }


def test_a_streams_headers_are_those_of_its_start() -> None:
    """What is known when the first piece comes."""
    served = route("StreamChat")
    first = router_requests_pb2.StreamChatResponse(started=REPORT)
    assert read_lines(served.write_report(first))[b"x-conduit-attempts"] == b"2"
    assert served.write_report(router_requests_pb2.StreamChatResponse()) == b""


def test_answers_without_a_report_have_no_headers() -> None:
    """Neither those that never have one, nor those that lack it."""
    assert route("Chat").write_report(router_requests_pb2.ChatResponse()) == b""
    response = provider_requests_pb2.GetProviderResponse()
    assert route("GetProvider").write_report(response) == b""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a\r\nset-cookie: x=1", b"a%0D%0Aset-cookie: x=1"),
        ("模型", b"%E6%A8%A1%E5%9E%8B"),
        ("é", b"%C3%A9"),
        ("nul\0", b"nul%00"),
        ("100 % {ok}", b"100 % {ok}"),
    ],
)
def test_names_cannot_break_out_of_headers(name: str, value: bytes) -> None:
    """What a header cannot carry is percent-encoded."""
    report = CallReport(provider_name=name)
    headers = read_lines(
        route("Chat").write_report(router_requests_pb2.ChatResponse(report=report))
    )
    assert headers[b"x-conduit-provider"] == value
