"""A request in another dialect of callers, and the chat that asks for the same."""

from abc import abstractmethod
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec
from google.protobuf.message import Message

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_providers.calls import Form
from conduit_providers.inbound.chat_terms import ChatTerms

TypedT = TypeVar("TypedT", bound=Message)


class Translated(Protocol):
    """The chat that asks for what a request asked for."""

    @property
    def chat(self) -> Form[ChatCompletionRequest]:
        """Return the chat."""
        ...

    @property
    def dropped(self) -> tuple[str, ...]:
        """Return what could not be said, by the caller's names."""
        ...


TranslatedT = TypeVar("TranslatedT", bound=Translated)


class CallerForm(Form[TypedT], Generic[TypedT, TranslatedT]):
    """A request; its translations are made once for all attempts."""

    _chats: dict[ChatTerms, TranslatedT] = msgspec.field(default_factory=dict)

    def with_json(self, text: bytes) -> Self:
        """Return another request, of this JSON text, which has translations of its own."""
        return msgspec.structs.replace(self, json_at_hand=text, _typed=None, _chats={})

    @abstractmethod
    def _translation(self, terms: ChatTerms) -> TranslatedT:
        """Return the chat that it asks for. UnsupportedCapability for what no chat can say."""

    def chat(self, terms: ChatTerms) -> TranslatedT:
        """Return the chat that it asks for. ConduitError if it does not fit the contract.

        UnsupportedCapability for what no chat can say.
        """
        found = self._chats.get(terms)
        if found is None:
            found = self._chats[terms] = self._translation(terms)
        return found

    def put_chat(self, terms: ChatTerms, chat: TranslatedT) -> None:
        """Take a chat as the one that it asks for."""
        self._chats[terms] = chat


def translation_of(form: Form[Any], terms: ChatTerms) -> Translated:
    """Return the chat that a request asks for, whose operation makes no other forms."""
    assert isinstance(form, CallerForm)  # noqa: S101 # see above
    found: Translated = form.chat(terms)
    return found
