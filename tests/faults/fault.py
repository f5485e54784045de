"""A way in which providers fail, and what its callers get all the same."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tests.faults.answer import TEXT
from tests.faults.misbehaving_upstream import Act
from tests.faults.operation import POLICIES, Operation
from tests.faults.upstream_acts import good

# A caller's answer is whole, of the second instance or of a retry.
WHOLE = ""
# The first token is out, so that it depends on the policy.
BY_POLICY = {"fail": "STREAM_INTERRUPTED", "restart": WHOLE, "continue": WHOLE}


class Fault(NamedTuple):
    """One way to misbehave."""

    name: str
    # What the first instance does, request by request; the last act stays.
    acts: Sequence[Act]
    # What the second one does; nothing where there is none.
    second: Sequence[Act] = (good,)
    # The reason of the caller's error; of a stream, by policy where that matters.
    unary: str = WHOLE
    stream: str | Mapping[str, str] = WHOLE
    # How many requests the first and the second instance see at most, and whether any at all.
    most: tuple[int, int] = (2, 1)
    # The address of the first instance, where it is none of the upstream's.
    base_url: str = ""
    # The text of the second one's answer.
    second_text: str = TEXT
    # The type of the second instance, where it is not that of the first one.
    second_type: str = ""
    # Within so many seconds the caller has the answer, on a busy machine.
    seconds: float = 4.0
    # For how long at least an instance is left alone between two requests.
    least_gap: float = 0.015
    # Whether only streams meet it.
    is_stream_only: bool = False
    # Whether only those understand it who speak OpenAI's dialect.
    is_in_openais_words: bool = False
    # The operations that meet it, all if empty; and those that do not.
    only: Collection[str] = ()
    besides: Collection[str] = ()
    # For how long the first instance may keep a caller waiting for its first byte: much longer than
    # it takes on a slow machine, but where that is what is tested.
    patience: float = 3.0
    # For how long the first instance may be silent within an answer, in seconds; usual if zero.
    idle: float = 0.0
    # What the first instance does with requests that make sessions, whose sockets are asked for
    # afterwards.
    creations: Sequence[Act] = (good,)

    def meets(self, operation: Operation) -> bool:
        """Return whether an operation's calls meet it."""
        if self.is_stream_only and not operation.is_stream:
            return False
        names = {operation.name, operation.kind}
        if self.is_in_openais_words and operation.like:
            return False
        return names.isdisjoint(self.besides) and not (self.only and names.isdisjoint(self.only))

    def policies(self, operation: Operation) -> Sequence[str | None]:
        """Return the policies that make a difference; None is for an answer in one."""
        if not operation.is_stream:
            return (None,)
        if operation.has_policies and (
            operation.is_continuable or not isinstance(self.stream, str)
        ):
            return POLICIES
        return ("fail",)

    def is_met_by_all(self, operation: Operation, policy: str | None) -> bool:
        """Return whether callers over HTTP and gRPC both meet it; else they take turns."""
        if operation.name == "chat":
            return policy in {None, "fail"}
        # Behind the first piece an end looks different to each of them.
        return policy == "fail" and self.stream != WHOLE

    @property
    def slug(self) -> str:
        """The name as a part of addresses."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.name).split())

    def expected(self, policy: str | None) -> str:
        """Return the reason of the error under a policy; None is for unary calls."""
        if policy is None:
            return self.unary
        return self.stream if isinstance(self.stream, str) else self.stream[policy]
