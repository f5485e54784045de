"""A fault and a call that meets it: each pair of the matrix, and what its caller is to hear."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.chat_operations import FRAMED, KEYED
from tests.faults.fault import Fault
from tests.faults.fault_catalogue import CUTTING, ENDLESS, FAILING, FAULTS, SILENT
from tests.faults.fault_operations import OPERATIONS
from tests.faults.operation import Operation

CALLERS = ("http", "grpc")
# Over HTTP, where a connection to the provider is kept: chats go the straight way, streamed or not.
STRAIGHT = "straight"
# Over a WebSocket that was there before, and is there afterwards.
SOCKET = "socket"


@dataclass(frozen=True)
class Case:
    """A fault, met by a call."""

    fault: Fault
    operation: Operation
    policy: str | None
    caller: str

    @property
    def alias(self) -> str:
        """The alias, which is a part of addresses too."""
        policy = self.policy or "unary"
        return f"{self.fault.slug}_{self.operation.name}_{policy}_{self.caller}"

    @property
    def id(self) -> str:
        """What distinguishes it from others of its fault."""
        return f"{self.caller}-{self.operation.name}-{self.policy}"

    @property
    def is_budgeted(self) -> bool:
        """Whether its caller has a hard budget, and limits."""
        return self.operation.takes_turns or self.caller == SOCKET

    @property
    def is_session(self) -> bool:
        """Whether events go both ways."""
        return self.operation.session is not None

    @property
    def has_total(self) -> bool:
        """Whether the caller's own time bounds all of it; of a session it bounds the opening."""
        return not self.is_session

    @property
    def is_timed(self) -> bool:
        """Whether it is a session that nobody counts."""
        return self.operation.session is not None and self.operation.session.is_timed

    @property
    def may_be_counted(self) -> tuple[bool, ...]:
        """Whether its provider has counted what its caller leaves; both where nobody can tell."""
        if (session := self.operation.session) is None:
            return (False,)
        if self.is_timed:
            return (False,)
        return (True,) if session.is_counted else (True, False)

    @property
    def is_unheld(self) -> bool:
        """Whether the caller has the answer as it comes."""
        return self.policy != "restart"

    @property
    def out_of_time(self) -> str:
        """What a caller hears whose time is over behind the first piece."""
        is_sound = self.operation.kind == "speak" and self.caller == "http" and self.is_unheld
        return "STREAM_INTERRUPTED" if is_sound else "DEADLINE_EXCEEDED"

    @property
    def expected(self) -> str:
        """The reason of the error, none where the answer is whole."""
        policy = self.policy
        if policy == "continue" and not self.operation.is_continuable:
            policy = "fail"
        return self.fault.expected(policy)


# Of their names, one for each fault.
_TURNS = sorted({each.name for each in OPERATIONS if each.takes_turns})


def chat_cases_of(fault: Fault) -> list[Case]:
    """Return the chats that take turns at meeting faults, as all of them meet one."""
    return _cases(fault, [*FRAMED, *KEYED])


def cases_of(fault: Fault) -> list[Case]:
    """Return the calls that meet a fault: each way to call, over HTTP, gRPC or, mostly, both.

    Of the chats that take turns it is the turn of one.
    """
    turn = _TURNS[sum(fault.slug.encode()) % len(_TURNS)]
    return _cases(fault, [each for each in OPERATIONS if not each.takes_turns or each.name == turn])


def _cases(fault: Fault, operations: Sequence[Operation]) -> list[Case]:
    ways = [
        (operation, policy)
        for operation in operations
        if fault.meets(operation)
        for policy in fault.policies(operation)
    ]
    return [
        Case(fault, operation, policy, caller)
        # Those that take turns do not begin with the same one each time.
        for place, (operation, policy) in enumerate(ways, len(fault.slug))
        for number, caller in enumerate(CALLERS)
        if fault.is_met_by_all(operation, policy) or number == place % len(CALLERS)
    ]


# Those that meet a fault on the straight way, which leads to a first of several instances.
STRAIGHT_CASES = [
    Case(fault, operation, "fail" if operation.is_stream else None, STRAIGHT)
    for operation in OPERATIONS
    if operation.name == "chat"
    for fault in FAULTS
    if fault.meets(operation) and fault.second and not fault.base_url
]
CASES = [
    *(case for fault in (*FAULTS, CUTTING, ENDLESS, FAILING, SILENT) for case in cases_of(fault)),
    *STRAIGHT_CASES,
]
CHAT_CASES = [case for fault in FAULTS for case in chat_cases_of(fault)]
