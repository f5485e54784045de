"""Which codec serves callers of Anthropic's Messages."""

from tests.support.replays import CATALOG

from conduit_providers.codecs import codec_named
from conduit_providers.codecs.anthropic.message import AnthropicMessageCodec
from conduit_providers.inbound.serving import inbound_codec
from conduit_providers.inbound.translating_codecs import TranslatingCodec
from conduit_providers.operations import INBOUND, operation


def test_anthropic_gets_what_callers_send() -> None:
    """Its dialect has a codec of its own; all others translate."""
    for spec in CATALOG.specs:
        if (endpoint := spec.endpoints.get("chat")) is None:
            continue
        found = inbound_codec("message", endpoint, codec_named(endpoint.codec))
        kind = AnthropicMessageCodec if spec.name == "Anthropic" else TranslatingCodec
        assert isinstance(found, kind)


def test_each_dialect_is_an_operations() -> None:
    """It is found by the name that its operation is served as, under the one that it is."""
    for dialect, name in INBOUND.items():
        found = operation(dialect)
        assert found is not None
        assert (found.served_as, found.name) == (dialect, name)
