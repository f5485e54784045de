"""One connection of the hub, over whichever transport."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import grpc

from conduit_bridge.signalr import records
from conduit_bridge.signalr.events import Event, health_update
from conduit_bridge.signalr.feed import NotificationFeed
from conduit_bridge.signalr.outbox import Outbox
from conduit_bridge.signalr.records import Invocation, RecordError, RecordReader, RecordType

HANDSHAKE_SECONDS = 15.0
PING_SECONDS = 15.0
# Clients send a sign of life each 15 s.
SILENCE_SECONDS = 60.0
MAX_SUBSCRIPTIONS = 1_000
# Instances whose health one record tells.
MAX_INITIAL = 1_000

Send = Callable[[str], Awaitable[None]]


class HubEnded(Exception):
    """The connection is to end; the message is told to the client unless it is empty."""

    def __init__(self, message: str = "", *, may_reconnect: bool = False) -> None:
        super().__init__(message)
        self.may_reconnect = may_reconnect


class HubSession:
    """Speaks the hub protocol with one client. `run` it once."""

    def __init__(
        self,
        feed: NotificationFeed,
        received: AsyncIterator[str],
        send: Send,
        clock: Callable[[], float],
    ) -> None:
        """Take what the client sends, how to send to it, and a clock of seconds since 1970."""
        self._feed = feed
        self._received = received
        self._send = send
        self._clock = clock
        self._reader = RecordReader()
        self._outbox = Outbox()
        self._subscribed: set[int] = set()

    async def run(self) -> None:
        """Shake hands and serve, until the client leaves or is let go of.

        What the transport raises goes through; a client that is let go of is told why.
        """
        try:
            with self._feed.listening(self._tell):
                await self._shake_hands()
                await self._serve()
        except HubEnded as end:
            # A goodbye to who is gone is the transport's to refuse.
            await self._send(records.close(str(end), allow_reconnect=end.may_reconnect))

    async def say_goodbye(self) -> None:
        """Tell the client that it should come back, to whoever is there then."""
        await self._send(records.close("The server is stopping", allow_reconnect=True))

    async def _shake_hands(self) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                first, *more = await self._next_records()
        except TimeoutError:
            raise HubEnded("No handshake came") from None
        except RecordError as error:
            await self._send(records.handshake_answer(str(error)))
            raise HubEnded from error
        problem = records.handshake_problem(first)
        if problem:
            await self._send(records.handshake_answer(problem))
            raise HubEnded
        # Whoever is connected misses nothing.
        await self._feed.wait_live()
        await self._send(records.handshake_answer())
        for record in more:
            await self._take(record)

    async def _serve(self) -> None:
        tasks = [
            asyncio.create_task(step())
            for step in (self._read_all, self._write_all, self._ping_all, self._watch_overflow)
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _read_all(self) -> None:
        """Serve what the client calls, one call at a time. HubEnded if it is silent for long."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    found = await self._next_records()
                for record in found:
                    await self._take(record)
            except TimeoutError:
                raise HubEnded("The client was silent", may_reconnect=True) from None
            except RecordError as error:
                raise HubEnded(str(error)) from error

    async def _write_all(self) -> None:
        while True:
            await self._send(await self._outbox.get())

    async def _ping_all(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            if self._outbox.is_empty:
                self._outbox.put(records.ping())

    async def _watch_overflow(self) -> None:
        await self._outbox.overflowed.wait()
        raise HubEnded("The client is too slow", may_reconnect=True)

    async def _next_records(self) -> list[Any]:
        """Return the next records, one at least. HubEnded once the client has left."""
        while True:
            text = await anext(self._received, None)
            if text is None:
                raise HubEnded
            if found := self._reader.feed(text):
                return found

    async def _take(self, record: Any) -> None:  # noqa: ANN401 # of JSON
        if record.get("type") == RecordType.CLOSE:
            raise HubEnded
        called = records.invocation_of(record)
        if called is None:
            return
        await self._outbox.wait_spacious()
        problem = await self._called(called)
        if called.invocation_id is not None:
            self._outbox.put(records.completion(called.invocation_id, problem))
        elif problem:
            self._outbox.put(records.invocation("Error", {"message": problem}))

    async def _called(self, called: Invocation) -> str:
        """Do what a client calls; return why not, empty if it is done."""
        match called:
            case Invocation(_, [bool()]):
                return "The method takes the id of a provider"
            case Invocation("SubscribeToProvider", [int(number)], is_stream=False):
                return await self._subscribe(number)
            case Invocation("UnsubscribeFromProvider", [int(number)], is_stream=False):
                self._subscribed.discard(number)
                return ""
            case Invocation("RefreshProviderHealth", [], is_stream=False):
                return await self._tell_initial(self._subscribed)
            case Invocation("SubscribeToProvider" | "UnsubscribeFromProvider", _):
                return "The method takes the id of a provider"
            case _:
                return "The hub has no such method, or not with these arguments"

    async def _subscribe(self, number: int) -> str:
        if len(self._subscribed) >= MAX_SUBSCRIPTIONS and number not in self._subscribed:
            return f"A connection may subscribe to at most {MAX_SUBSCRIPTIONS} providers"
        problem = await self._tell_initial({number})
        if not problem:
            self._subscribed.add(number)
        return problem

    async def _tell_initial(self, wanted: set[int]) -> str:
        """Tell how instances are, all if none is named; return why not."""
        try:
            known = await self._feed.providers()
        except grpc.RpcError:
            return "The health service cannot be reached"
        found = [each for each in known if not wanted or each.provider_id in wanted]
        if wanted and not found:
            return "There is no such provider"
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat().replace("+00:00", "Z")
        for start in range(0, len(found), MAX_INITIAL):
            updates = [health_update(each, now) for each in found[start : start + MAX_INITIAL]]
            self._outbox.put(records.invocation("InitialProviderHealth", updates))
        return ""

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            is_for_all = not (self._subscribed and event.provider_id)
            if is_for_all or event.provider_id in self._subscribed:
                self._outbox.put(records.invocation(event.target, event.argument))
