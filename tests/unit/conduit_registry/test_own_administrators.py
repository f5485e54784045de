"""The Registry knows the administrators that it keeps."""

import grpc
from tests.support.registry import Bench
from tests.support.waiting import eventually

from conduit.v1 import administrator_requests_pb2 as pb
from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.role_pb2 import ROLE_AUDITOR


async def test_they_are_known_after_a_restart_and_to_other_processes(bench: Bench) -> None:
    """Whoever shares the database: from the start on, or as soon as it hears of them."""
    spec = AdministratorSpec(name="anna", role=ROLE_AUDITOR)
    request = pb.CreateAdministratorRequest(administrator=spec)
    async with bench.registry() as first, bench.registry() as second:
        made = (await first(request)).administrator
        metadata = (("authorization", f"Bearer {made.token}"),)

        async def is_known() -> bool:
            try:
                await second.stub.ListAdministrators(
                    pb.ListAdministratorsRequest(), metadata=metadata
                )
            except grpc.RpcError:
                return False
            return True

        await eventually(is_known, seconds=20)
    async with bench.registry() as again:
        found = await again.stub.ListAdministrators(
            pb.ListAdministratorsRequest(), metadata=metadata
        )
    assert [each.name for each in found.administrators] == ["anna"]
