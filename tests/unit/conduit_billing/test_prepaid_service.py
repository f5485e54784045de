"""What operators say of prepaid balances, and what they are told."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from tests.integration.billing.conftest import Bench, configuration
from tests.support.billing import METADATA, BillingStub, knows_providers

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import prepaid_requests_pb2 as pb
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit_kernel.errors import ConduitError
from conduit_kernel.rpc import error_of

NANO = 1_000_000_000


async def ask(billing: BillingStub, request: Message) -> Any:  # noqa: ANN401 # of each RPC its own
    """Return the answer to a request; the RPC has the request's name."""
    name = type(request).__name__.removesuffix("Request")
    return (await getattr(billing, name)(request, metadata=METADATA)).prepaid_balance


async def refused(billing: BillingStub, request: Message) -> ConduitError:
    """Return the error that a request gets."""
    with pytest.raises(grpc.RpcError) as caught:
        await ask(billing, request)
    return error_of(caught.value, "billing")


def with_groups() -> Snapshot:
    """Return a configuration of a prepaid group, and of one that is not."""
    made = configuration({1: "known"})
    for number, is_prepaid in ((2, True), (3, False)):
        made.virtual_key_groups.append(
            VirtualKeyGroup(id=number, name=f"g{number}", is_enabled=True, is_prepaid=is_prepaid)
        )
    return made


async def test_what_is_paid_in_and_corrected_is_told(bench: Bench) -> None:
    """A payment that is sent again is answered as the first one."""
    bench.registry.replace(with_groups())
    async with bench.billing() as billing:
        await knows_providers(billing)
        paid = pb.TopUpVirtualKeyGroupRequest(
            virtual_key_group_id=2, amount_nano_usd=5 * NANO, top_up_id="inv-7"
        )
        for _ in range(2):
            balance = await ask(billing, paid)
            assert (balance.received_nano_usd, balance.remaining_nano_usd) == (5 * NANO, 5 * NANO)
        wrong = pb.AdjustPrepaidBalanceRequest(
            virtual_key_group_id=2, amount_nano_usd=-NANO, reason="typed twice"
        )
        assert (await ask(billing, wrong)).remaining_nano_usd == 4 * NANO
        told = await ask(billing, pb.GetPrepaidBalanceRequest(virtual_key_group_id=2))
        assert told == pb.PrepaidBalance(
            virtual_key_group_id=2, received_nano_usd=4 * NANO, remaining_nano_usd=4 * NANO
        )


@pytest.mark.parametrize(
    ("request_type", "fields", "field"),
    [
        (pb.TopUpVirtualKeyGroupRequest, {"amount_nano_usd": 0}, "amountUsd"),
        (pb.TopUpVirtualKeyGroupRequest, {"amount_nano_usd": -NANO}, "amountUsd"),
        (pb.TopUpVirtualKeyGroupRequest, {"amount_nano_usd": 10**16}, "amountUsd"),
        (pb.TopUpVirtualKeyGroupRequest, {"top_up_id": "x" * 65}, "topUpId"),
        (pb.AdjustPrepaidBalanceRequest, {"amount_nano_usd": 0}, "amountUsd"),
        (pb.AdjustPrepaidBalanceRequest, {"amount_nano_usd": -(10**16)}, "amountUsd"),
        (pb.AdjustPrepaidBalanceRequest, {"reason": ""}, "reason"),
        (pb.AdjustPrepaidBalanceRequest, {"adjustment_id": "a\0b"}, "adjustmentId"),
        (pb.AdjustPrepaidBalanceRequest, {"virtual_key_group_id": 3}, "virtualKeyGroupId"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    bench: Bench, request_type: type[Message], fields: dict[str, Any], field: str
) -> None:
    """With the field; a group that is not prepaid has no balance."""
    bench.registry.replace(with_groups())
    given = {"virtual_key_group_id": 2, "amount_nano_usd": NANO}
    if request_type is pb.AdjustPrepaidBalanceRequest:
        given["reason"] = "why"  # type: ignore[assignment] # of this one alone
    async with bench.billing() as billing:
        await knows_providers(billing)
        error = await refused(billing, request_type(**(given | fields)))
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


async def test_a_group_that_nobody_knows_has_no_balance(bench: Bench) -> None:
    """As with any resource."""
    bench.registry.replace(with_groups())
    async with bench.billing() as billing:
        await knows_providers(billing)
        error = await refused(billing, pb.GetPrepaidBalanceRequest(virtual_key_group_id=9))
        assert error.reason == "VIRTUAL_KEY_GROUP_NOT_FOUND"
