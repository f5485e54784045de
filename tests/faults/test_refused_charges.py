"""A disk that refuses charges: calls go on, or are refused where the operator says so."""

import errno
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.faults.charging_gateway import MASTER_KEY, serving
from tests.integration.router.conftest import METADATA, body
from tests.support.disk import is_segment, refuse
from tests.support.router_edge import RouterEdge
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.errors import ServiceUnavailable


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
async def test_calls_go_on_and_their_charges_are_stored_when_the_disk_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Unless told otherwise: the log has a line for the charges, and not one for each."""
    async with serving(tmp_path) as gateway:
        with capture_logs() as logs:
            with monkeypatch.context() as patch:
                refuse(patch, "write", code, when=is_segment)
                answers = [await gateway.chat(stream=number % 2 == 1) for number in range(10)]
                text = (await gateway.client.get("/metrics")).text
            asked = [answer.headers["x-conduit-request-id"] for answer in answers]

            async def is_stored() -> bool:
                return gateway.charged() == asked

            await eventually(is_stored)
        text_after = (await gateway.client.get("/metrics")).text
    assert [answer.status_code for answer in answers] == [200] * 10
    said = [entry["event"] for entry in logs if entry["event"].startswith("spool_")]
    assert said == ["spool_refused", "spool_recovered"]
    assert "conduit_charges_waiting 10.0" in text
    assert "conduit_charges_waiting 0.0" in text_after
    assert "conduit_charges_lost_total 0.0" in text_after


async def test_calls_are_refused_once_so_many_charges_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a 503 of our own that says when to come again, over HTTP and gRPC; then all is well."""
    async with serving(tmp_path, max_waiting_charges=2) as gateway:
        with monkeypatch.context() as patch:
            refuse(patch, "write", errno.ENOSPC, when=is_segment)
            assert [(await gateway.chat()).status_code for _ in range(2)] == [200, 200]
            for stream in (False, True):
                refused = await gateway.chat(stream=stream)
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == "1"
                assert refused.json()["error"]["code"] == "service_unavailable"
            stub = RouterEdge(gateway.process.stub, MASTER_KEY)
            with pytest.raises(ServiceUnavailable, match="takes no charges"):
                await stub.Chat(pb.ChatRequest(json=body("gpt")), METADATA)

        async def is_well() -> bool:
            return (await gateway.chat()).status_code == 200

        await eventually(is_well)
        assert len(set(gateway.charged())) == 3


async def test_a_gateway_starts_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers, says what is wrong, and stores the charges when there is room."""
    with monkeypatch.context() as patch, capture_logs() as logs:
        refuse(patch, "mkdir", errno.ENOSPC, when=lambda path, *_: "spool" in str(path))
        async with serving(tmp_path) as gateway:
            answers = [await gateway.chat() for _ in range(3)]
            patch.undo()
            asked = [answer.headers["x-conduit-request-id"] for answer in answers]

            async def is_stored() -> bool:
                return gateway.charged() == asked

            await eventually(is_stored)
    assert [answer.status_code for answer in answers] == [200] * 3
    reasons = [entry["reason"] for entry in logs if entry["event"] == "spool_refused"]
    assert reasons == ["[Errno 28] No space left on device"]
