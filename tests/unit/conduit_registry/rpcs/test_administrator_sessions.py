"""The list of those who have logged in, page by page."""

import pytest
from tests.support.registry import Api
from tests.unit.conduit_registry.rpcs.test_logins import log_in

from conduit.v1.administrator_session_pb2 import (
    EndAdministratorSessionsRequest,
    ListAdministratorSessionsRequest,
)


async def test_sessions_are_listed_in_pages(api: Api) -> None:
    """In order of id."""
    begun = [await log_in(api, f"sub-{number}") for number in range(3)]
    first = await api(ListAdministratorSessionsRequest(page_size=2))
    rest = await api(
        ListAdministratorSessionsRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [*first.administrator_sessions, *rest.administrator_sessions] == begun
    assert rest.next_page_token == ""


async def test_to_end_nobodys_sessions_changes_nothing(api: Api) -> None:
    """No line of the log, and no error."""
    await log_in(api)
    before = (await api.snapshot()).revision
    for request in (
        EndAdministratorSessionsRequest(),
        EndAdministratorSessionsRequest(ids=[0, 99, -1, 2**63 - 1]),
        EndAdministratorSessionsRequest(subject="sub-9"),
    ):
        assert not (await api(request)).administrator_sessions
    assert (await api.snapshot()).revision == before


@pytest.mark.parametrize("field", ["ids", "subject"])
async def test_so_many_are_ended_at_a_time(api: Api, field: str) -> None:
    """As the document says; one more is refused."""
    most, beyond = (
        EndAdministratorSessionsRequest(ids=range(number))
        if field == "ids"
        else EndAdministratorSessionsRequest(subject="s" * number)
        for number in (1000, 1001)
    )
    assert not (await api(most)).administrator_sessions
    assert (await api.refused(beyond)).metadata["field"] == field
