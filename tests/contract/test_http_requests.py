"""HTTP requests become request messages."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from conduit.v1 import converse_requests_pb2 as converse_pb
from conduit.v1 import (
    provider_requests_pb2,
    registry_requests_pb2,
    router_requests_pb2,
    virtual_key_requests_pb2,
)
from conduit.v1.form_pb2 import FileChunk, Form, FormFile, FormMember
from conduit.v1.http_routes import ROUTES, JsonError, MalformedJson, Route
from conduit.v1.http_runtime import Segment
from conduit.v1.routing_policy_pb2 import STREAM_FAILOVER_RESTART

NONE: Mapping[bytes, bytes] = {}


def route(rpc: str, verb: str = "") -> Route:
    """Return the route of an RPC."""
    return next(r for r in ROUTES if r.rpc == rpc and verb in {"", r.verb})


# Any: each RPC has a request of its own.
def read(
    rpc: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
    headers: Mapping[bytes, bytes] = NONE,
    body: bytes = b"",
) -> Any:  # noqa: ANN401 # a message of any kind
    """Return the request that an RPC's route makes."""
    reader = route(rpc).read
    assert reader is not None
    return reader(path or {}, query, headers, body)


def test_raw_bodies_are_not_looked_into() -> None:
    """A chat's body is passed on as it came, even if it is not JSON."""
    for body in (b'{"model": "m"}', b"", b"{"):
        request = read("Chat", body=body)
        assert request == router_requests_pb2.ChatRequest(json=body)
        assert request.WhichOneof("form") == "json"
        assert not request.HasField("options")


@pytest.mark.parametrize("value", [b"30s", b"30", b" 30.0 "])
def test_options_come_in_headers(value: bytes) -> None:
    """How to treat a call is said beside the body; plain seconds will do."""
    headers = {
        b"x-conduit-timeout": value,
        b"x-conduit-strict": b"TRUE",
        b"x-conduit-max-attempts": b"2",
        b"x-conduit-seed": b"18446744073709551615",
    }
    options = read("Chat", headers=headers).options
    assert options.timeout.seconds == 30
    assert options.strict_parameters
    assert (options.max_attempts, options.seed) == (2, 2**64 - 1)


def test_lists_in_headers_are_between_commas() -> None:
    """Space around a value is none of it, and an empty one is none."""
    headers = {
        b"x-conduit-fallbacks": b"gpt-4o , claude,,",
        b"x-conduit-provider": b"OpenAI Main, 7",
        b"x-conduit-stream-failover": b"restart",
        b"x-conduit-affinity-key": b" session-1 ",
    }
    options = read("Chat", headers=headers).options
    assert options.fallbacks == ["gpt-4o", "claude"]
    assert options.providers == ["OpenAI Main", "7"]
    assert options.stream_failover == STREAM_FAILOVER_RESTART
    assert options.affinity_key == "session-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-conduit-timeout", b"soon"),
        (b"x-conduit-strict", b"maybe"),
        (b"x-conduit-max-attempts", b"two"),
        (b"x-conduit-max-attempts", b"\xff"),
        (b"x-conduit-seed", b"-1"),
    ],
)
def test_a_wrong_header_is_named(name: bytes, value: bytes) -> None:
    """The caller learns which header is at fault."""
    with pytest.raises(JsonError) as caught:
        read("Embed", headers={name: value})
    assert caught.value.path == name.decode()


def test_a_body_can_be_one_field() -> None:
    """The provider is the body; the id is in the path."""
    request = read("UpdateProvider", path={"id": "7"}, body=b'{"weight": 70}')
    assert request.id == 7
    assert request.provider.weight == 70
    assert not request.provider.HasField("name")


def test_put_and_patch_are_the_same() -> None:
    """Additional rules of an RPC are routes of their own."""
    assert route("UpdateProvider", "PUT").read is route("UpdateProvider", "PATCH").read


def test_a_body_can_be_everything_but_the_path() -> None:
    """Where the body is the request, the path still wins."""
    request = read(
        "TestProvider", path={"provider_id": "1"}, body=b'{"keyId":"key_3","providerId":9}'
    )
    expected = provider_requests_pb2.TestProviderRequest(provider_id=1, key_id="key_3")
    assert request == expected


def test_an_empty_body_is_an_empty_message() -> None:
    """A test of a provider needs no body."""
    request = read("TestProvider", path={"provider_id": "1"})
    assert request == provider_requests_pb2.TestProviderRequest(provider_id=1)
    assert not read("CreateProvider").HasField("provider")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"3"])
def test_an_admin_body_must_be_an_object(body: bytes) -> None:
    """Any other JSON is refused as a whole."""
    with pytest.raises(JsonError, match=r"^the JSON must be an object"):
        read("CreateProvider", body=body)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"{'a': 1}", b'{"weight": NaN}'])
def test_an_admin_body_must_be_json(body: bytes) -> None:
    """What is not JSON is malformed."""
    with pytest.raises(MalformedJson):
        read("CreateProvider", body=body)


def test_an_admin_body_has_its_depth() -> None:
    """What is nested deeper is refused before it is read."""
    with pytest.raises(JsonError, match="nested"):
        read("CreateProvider", body=b"[" * 5000)


def test_a_query_fills_fields() -> None:
    """Numbers, texts and times; names are as in JSON."""
    query = [
        ("pageSize", "5"),
        ("resourceKind", "provider"),
        ("since", "2025-07-01T00:00:00 02:00"),
    ]
    request = read("ListAuditEntries", query=query)
    assert isinstance(request, registry_requests_pb2.ListAuditEntriesRequest)
    assert (request.page_size, request.resource_kind) == (5, "provider")
    # The space is a plus that the client forgot to escape.
    assert request.since.ToJsonString() == "2025-06-30T22:00:00Z"


def test_a_query_can_hold_a_day() -> None:
    """Days are texts of the contract, and times take them too."""
    assert read("GetCosts", query=[("startDate", "2025-07-01")]).start_date == "2025-07-01"
    since = read("ListAuditEntries", query=[("since", "2025-07-01")]).since
    assert since.ToJsonString() == "2025-07-01T00:00:00Z"


@pytest.mark.parametrize(
    ("rpc", "path", "query", "at", "message"),
    [
        ("ListProviders", {}, [("pagesize", "1")], "pagesize", 'did you mean "pageSize"?'),
        ("ListProviders", {}, [("pageSize", "many")], "pageSize", "must be a whole number"),
        ("GetProvider", {"id": "1"}, [("verbose", "1")], "verbose", "is not a parameter"),
        ("CreateProvider", {}, [("name", "x")], "name", "is not a parameter"),
        ("GetProvider", {"id": "abc"}, [], "id", "must be a whole number"),
        ("GetProviderHealth", {"provider_id": "1.5"}, [], "providerId", "must be a whole number"),
        ("GetProvider", {"id": str(2**63)}, [], "id", "must be from"),
    ],
)
def test_a_wrong_parameter_is_named(
    rpc: str, path: dict[str, str], query: list[tuple[str, str]], at: str, message: str
) -> None:
    """On admin routes, what the path does not have is refused, as is what has the wrong type."""
    with pytest.raises(JsonError) as caught:
        read(rpc, path=path, query=query)
    assert caught.value.path == at
    assert message in caught.value.message


def test_openai_routes_ignore_parameters_they_do_not_know() -> None:
    """SDKs and proxies add their own."""
    assert read("Chat", query=[("api-version", "1")], body=b"{}").json == b"{}"
    assert read("ListModels", query=[("limit", "3")]) == router_requests_pb2.ListModelsRequest()


def test_a_path_can_take_its_rest() -> None:
    """Model names may have slashes."""
    assert route("GetModel").segments[-1] == Segment("model", is_parameter=True, takes_rest=True)
    assert read("GetModel", path={"model": "org/model"}).model == "org/model"


def test_names_of_virtual_keys_keep_every_character() -> None:
    """UTF-8 goes through unchanged."""
    request = read("CreateVirtualKey", body='{"name":"Schlüssel 🔑","budget":12.5}'.encode())
    expected = virtual_key_requests_pb2.CreateVirtualKeyRequest()
    expected.virtual_key.name = "Schlüssel 🔑"
    expected.virtual_key.budget_nano_usd = 12_500_000_000
    assert request == expected


def test_a_session_begins_with_what_its_path_and_query_say() -> None:
    """The first message has the protocol and the model, those that follow only their JSON."""
    realtime, live = (r for r in ROUTES if r.rpc == "Converse")
    assert realtime.read is not None
    assert live.read is not None
    query = [("model", "gpt-realtime"), ("protocol", "live"), ("events", "Typed")]
    first = realtime.read({}, query, {b"x-conduit-timeout": b"5"}, b"")
    assert first.start.model == "gpt-realtime"
    assert first.start.protocol == converse_pb.SESSION_PROTOCOL_REALTIME
    assert first.start.events == converse_pb.EVENT_FORM_JSON
    assert first.start.options.timeout.seconds == 5
    opened = live.read({}, (), {}, b"")
    assert (opened.start.protocol, opened.start.model) == (converse_pb.SESSION_PROTOCOL_LIVE, "")
    assert realtime.read_frame is not None
    assert realtime.read_frame(b'{"type":"x"}') == converse_pb.ConverseRequest(json=b'{"type":"x"}')


def member(name: str, value: bytes) -> FormMember:
    """Return a member of a form that is no file."""
    return FormMember(name=name, value=value)


FORM = Form(
    members=[
        member("timestamp_granularities[]", b"word"),
        member("x_new", b"\xff"),
        FormMember(
            name="file", file=FormFile(filename="talk.mp3", size=2), content_type="audio/mpeg"
        ),
        member("model", b"whisper-1"),
    ]
)


@pytest.mark.parametrize("rpc", ["Transcribe", "StreamTranscribe", "Translate"])
def test_a_form_is_passed_on_as_it_was_sent(rpc: str) -> None:
    """All of it begins the stream: unknown members, spellings, order; then come the bytes."""
    served = route(rpc)
    assert served.read_form is not None
    assert served.read is None
    message = served.read_form({}, (), {b"x-conduit-seed": b"7"}, FORM)
    assert message.WhichOneof("message") == "start"
    assert message.start.multipart == FORM
    assert served.chunk is not None
    chunk = served.chunk(1, b"\xff\xfb")
    assert chunk == type(message)(chunk=FileChunk(index=1, data=b"\xff\xfb"))


def test_a_form_has_its_options_in_headers() -> None:
    """As any call has."""
    reader = route("Transcribe").read_form
    assert reader is not None
    assert reader({}, (), {b"x-conduit-timeout": b"5"}, FORM).start.options.timeout.seconds == 5


@pytest.mark.parametrize("rpc", ["CreateVoice", "EditImages", "StreamEditImages"])
def test_some_are_forms_or_json(rpc: str) -> None:
    """All pass as they came; the files of a form follow it."""
    served = route(rpc)
    assert served.read is not None
    assert served.read_form is not None
    assert served.chunk is not None
    assert served.read({}, (), {}, b'{"model":"m"}').start.json == b'{"model":"m"}'
    assert served.read_form({}, (), {}, FORM).start.multipart == FORM


def test_a_form_without_a_stream_is_one_message() -> None:
    """Its files are in it."""
    served = route("StartImageEdit")
    assert served.read is not None
    assert served.read_form is not None
    assert served.chunk is None
    assert served.read({}, (), {}, b'{"model":"m"}').json == b'{"model":"m"}'
    assert served.read_form({}, (), {}, FORM).multipart == FORM


def test_agents_name_their_sessions_by_headers_of_their_own() -> None:
    """The first one that is there counts, after the header itself."""
    headers = {b"session-id": b"codex", b"x-claude-code-session-id": b" claude "}
    assert read("Chat", headers=headers).options.affinity_key == "claude"
    headers[b"x-conduit-affinity-key"] = b"own"
    assert read("Chat", headers=headers).options.affinity_key == "own"


YAML = b"version: 1\nproviders: []\n"


@pytest.mark.parametrize(
    ("media_type", "body", "text"),
    [
        ("application/yaml", YAML, YAML),
        ("Application/YAML; charset=utf-8", YAML, YAML),
        ("text/x-yaml", b"{version: 1}", b"{version: 1}"),
        # `curl -T` names none, `curl --data-binary` its own for all.
        ("", YAML, YAML),
        ("application/x-www-form-urlencoded", YAML, YAML),
        ("application/octet-stream", b"\xef\xbb\xbf" + YAML, YAML),
        ("", b' {"yaml": "version: 1"}', b"version: 1"),
        ("application/json", b'{"yaml": "version: 1"}', b"version: 1"),
    ],
)
def test_body_may_be_the_document_itself(media_type: str, body: bytes, text: bytes) -> None:
    """Its media type says so; where that says nothing, what begins as no object does is one."""
    headers = {b"content-type": media_type.encode()} if media_type else NONE
    request = read("ImportConfig", query=[("dryRun", "true")], headers=headers, body=body)
    assert request == registry_requests_pb2.ImportConfigRequest(yaml=text.decode(), dry_run=True)


def test_document_that_is_said_to_be_json_is_malformed() -> None:
    """As is one that begins like JSON; and a document is text."""
    for media_type, body in ((b"application/json", YAML), (b"", b"{yaml")):
        with pytest.raises(MalformedJson):
            read("ImportConfig", headers={b"content-type": media_type}, body=body)
    with pytest.raises(JsonError) as caught:
        read("ImportConfig", body=b"a: \xff")
    assert (caught.value.path, str(caught.value)) == (
        "yaml",
        "yaml must be UTF-8, which it is not at position 3",
    )
