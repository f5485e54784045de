"""The page about adding a provider, followed step by step."""

import re
from pathlib import Path

import orjson
import pytest
from tests.support.wire_cases import WireCase

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import InsufficientFunds
from conduit_providers.auth import signer_for
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.failures import error_from
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, counted
from conduit_providers.wire import HttpResponse

PAGE = (Path(__file__).parents[3] / "docs" / "adding-a-provider.md").read_text()


def block(language: str) -> str:
    """Return the page's first block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def catalog_of(folder: Path) -> Catalog:
    """Do step 1: a folder with the page's file."""
    (folder / "lumen.toml").write_text(block("toml"))
    return load_catalog(folder)


def test_file_of_the_page_is_a_type(tmp_path: Path) -> None:
    """Step 1: the type is listed under its names."""
    spec = catalog_of(tmp_path).find("lumenai")
    assert spec.name == "Lumen"
    assert spec.endpoints.keys() == {"chat", "models"}


def test_message_of_the_page_is_the_readers(tmp_path: Path) -> None:
    """What the page says of a misspelt option is what an operator reads."""
    text = block("toml").replace("developer_role", "developer_rol")
    (tmp_path / "lumen.toml").write_text(text)
    with pytest.raises(ValueError, match="developer_rol") as raised:
        load_catalog(tmp_path)
    assert f"`{raised.value}`" in " ".join(PAGE.split())


def test_further_tables_of_the_page_are_read(tmp_path: Path) -> None:
    """The value map and the rows, put behind the file."""
    blocks = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "lumen.toml").write_text("\n".join(blocks))
    endpoints = load_catalog(tmp_path).find("Lumen").endpoints
    assert [each.parameter for each in endpoints["chat"].value_maps_of("lumen-2")] == [
        "reasoning_effort"
    ]
    assert endpoints["embed"].facts_of("lumen-embed-1").max_inputs == 1
    assert endpoints["embed"].facts_of("lumen-embed-2").max_inputs == 96


def test_case_of_the_page_is_sent_and_read(tmp_path: Path) -> None:
    """Step 2: the call goes out renamed and with the drop noted; the cached tokens are found."""
    catalog = catalog_of(tmp_path)
    spec = catalog.find("Lumen")
    path = tmp_path / "Lumen" / "chat" / "plain.case"
    path.parent.mkdir(parents=True)
    path.write_text(block("http"))
    case = WireCase(path)
    provider = Provider(name="My Lumen", provider_type="Lumen")
    provider.settings.update(case.settings)
    target = catalog.target(provider)
    request = chat_request(json=orjson.dumps(case.request))
    call = ChatCall(request, alias="my-alias", model=case.model, provider="My Lumen")
    endpoint = spec.endpoints["chat"]
    codec = codec_named(endpoint.codec)

    sent = signer_for(spec.auth, "lm-1", target).sign(codec.to_upstream(call, endpoint, target))
    assert target.base_url + sent.path == "https://us.api.lumen.example/v1/chat/completions"
    assert ("authorization", "Bearer lm-1") in sent.headers
    assert orjson.loads(sent.body) == {
        "model": "lumen-2",
        "messages": case.request["messages"],
        "max_tokens": 50,
    }
    assert call.dropped == ["seed"]

    answer = codec.from_upstream(HttpResponse(200, {}, case.answer.body), call, endpoint)
    assert answer.usage == counted([(INPUT, 1), (CACHED_INPUT, 8), (OUTPUT, 2)])
    assert answer.typed.choices[0].message.content[0].text == "Hi."


def test_error_code_of_the_page_has_its_meaning(tmp_path: Path) -> None:
    """The type's own codes go before what the status would mean."""
    catalog = catalog_of(tmp_path)
    target = catalog.target(Provider(name="My Lumen", provider_type="Lumen"))
    body = b'{"error":{"code":"wallet_empty","message":"no"}}'
    error = error_from(HttpResponse(400, {}, body), catalog.find("Lumen"), target)
    assert type(error) is InsufficientFunds
