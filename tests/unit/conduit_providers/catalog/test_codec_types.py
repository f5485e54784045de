"""What a codec takes from its catalog file, ours and third parties'."""

import sys
from pathlib import Path

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.catalog.codec_types import (
    Nothing,
    check_codec,
    codec_types,
    operation_names,
)
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.anthropic.options import ChatModel, ChatOptions
from conduit_providers.model_rows import EmbedModel

GOOD = """
import msgspec

class Options(msgspec.Struct):
    a: int = 1

class Model(msgspec.Struct):
    b: int = 2

class Codec:
    def to_upstream(self, call, endpoint, target): ...
    def from_upstream(self, response, call, endpoint): ...

CODEC = Codec()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package of a third party's."""
    package = tmp_path / "acme_codecs"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [each for each in sys.modules if each.startswith(package.name)]:
        # Of another test, which had one in another folder.
        monkeypatch.delitem(sys.modules, name)
    return package


def test_a_dialects_structs_go_by_their_operation() -> None:
    """None, where it has none; of embeddings all have to know one thing."""
    assert codec_types("chat", "anthropic_chat") == (ChatOptions, ChatModel)
    assert codec_types("models", "anthropic_models") == (Nothing, Nothing)
    assert codec_types("embed", "openai_embed") == (Nothing, EmbedModel)


def test_a_codec_of_another_operation_is_refused() -> None:
    """By its name, before it is imported."""
    with pytest.raises(ValueError, match="'openai_chat' is a codec of the operation 'chat'"):
        codec_types("embed", "openai_chat")


def test_a_third_party_has_its_structs_beside_its_codec(package: Path) -> None:
    """In the module itself."""
    (package / "vectors.py").write_text(GOOD)
    with pytest.raises(ValueError, match="no EmbedModel"):
        codec_types("embed", "acme_codecs.vectors")
    (package / "plain.py").write_text(GOOD.replace("class Model", "class Other"))
    options, model = codec_types("embed", "acme_codecs.plain")
    assert options().a == 1  # type: ignore[attr-defined] # its own
    assert model is EmbedModel


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("raise RuntimeError('boom')", InvalidRequest, "boom"),
        ("x = 1", ValueError, "it is no codec of the operation 'chat'"),
        ("CODEC = object()", ValueError, "it is no codec of the operation 'chat'"),
        (GOOD, ValueError, "it is no codec of the operation 'chat'"),
    ],
)
def test_a_third_partys_codec_that_is_none_is_refused(
    package: Path, text: str, kind: type[Exception], why: str
) -> None:
    """With the reason; one that cannot stream is none of chats."""
    (package / "odd.py").write_text(text)
    with pytest.raises(kind, match=why):
        codec_types("chat", "acme_codecs.odd")


@pytest.mark.parametrize(
    ("operation", "name"),
    [("chat", "openai_chat"), ("chat", "replicate_chat"), ("embed", "cohere_embed"),
     ("models", "gemini_models"), ("converse", "openai_converse"), ("rerank", "openai_rerank")],
)  # fmt: skip
def test_a_codec_is_one_of_its_operation_alone(operation: str, name: str) -> None:
    """As many arguments, and streams where the operation has some."""
    codec = codec_named(name)
    check_codec(operation, codec)
    # What is whole or streamed, of whatever, looks alike, and so do lists.
    alike = {"chat": {"chat", "image", "image_edit", "speak"}, "models": {"voices"}}
    unlike = operation_names() - {operation, "translate", "transcribe", "embed", "moderate"}
    for other in unlike - alike.get(operation, set()):
        if (operation, other) == ("rerank", "embed"):
            continue
        with pytest.raises(ValueError, match="it is no codec"):
            check_codec(other, codec)


def test_endpoints_are_for_operations_and_for_lists_of_models() -> None:
    """A module that operations share is none of them."""
    assert operation_names() == {
        "chat", "converse", "create_voice", "embed", "image", "image_edit", "models",
        "moderate", "rerank", "speak", "transcribe", "translate", "voices",
    }  # fmt: skip
