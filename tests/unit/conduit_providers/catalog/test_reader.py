"""Catalog files are understood whole, or refused with file, line and key."""

import subprocess
import sys
from pathlib import Path

import pytest
from genai_prices.data import providers

from conduit_providers.auth import has_auth
from conduit_providers.catalog import load_catalog
from conduit_providers.catalog.codec_types import check_codec, operation_names
from conduit_providers.catalog.vocabulary import CAPABILITIES
from conduit_providers.codecs import codec_named, has_codec

CATALOG = load_catalog()
ACME = """\
name = "Acme"
display_name = "Acme AI"
other_names = ["AcmeAI"]
base_url = "https://{region}.acme.example/v1/"
sources = ["https://acme.example/docs"]
checked_on = "2026-11-23"
[auth]
kind = "bearer"
description = "A key"
options = { organization_header = "x-org" }
[[settings]]
name = "region"
description = "Where"
is_required = true
[rate_limits]
requests_limit = "X-Limit"
[endpoints.chat]
codec = "openai_chat"
path = "/chat"
options = { developer_role = "system" }
[endpoints.chat.usage]
input_tokens = "usage.in"
[[endpoints.chat.value_maps]]
parameter = "reasoning_effort"
match = { contains = "acme-1" }
exact = { minimal = "low" }
[endpoints.embed]
codec = "openai_embed"
path = "/embed"
[[endpoints.embed.models]]
match = { starts_with = ["a", "b"] }
max_inputs = 7
"""
MAP = "parameter ="
EXACT = 'exact = { minimal = "low" }'


def load(tmp_path: Path, text: str) -> None:
    """Load the catalog with a file in the operator's folder."""
    (tmp_path / "acme.toml").write_text(text)
    load_catalog(tmp_path)


def test_right_file_is_read(tmp_path: Path) -> None:
    """What the errors below begin with is right; names of headers and addresses are made plain."""
    (tmp_path / "acme.toml").write_text(ACME)
    spec = load_catalog(tmp_path).find("Acme")
    assert (spec.base_url, spec.rate_limits.requests_limit) == (
        "https://{region}.acme.example/v1",
        "x-limit",
    )
    assert spec.auth.options.organization_header == "x-org"
    assert spec.endpoints["chat"].options.developer_role == "system"
    assert spec.endpoints["embed"].facts_of("alpha").max_inputs == 7
    assert spec.endpoints["embed"].facts_of("gamma").max_inputs is None


# What is written otherwise in that file, and the error.
WRONG = [
    ('kind = "bearer"', 'kind = "magic"', ":8: auth.kind: there is no auth strategy 'magic'"),
    ('"openai_chat"', '"nope_chat"', ":18: endpoints.chat.codec: there is no codec"),
    ("path =", 'colour = "red"\npath =', ":19: endpoints.chat.colour: is not a key that"),
    ('path = "/chat"', "path = 7", ":19: endpoints.chat.path: must be a string"),
    ('path = "/chat"', "", ":17: endpoints.chat.path: is missing"),
    ('["https://acme.example/docs"]', "[]", ":5: sources: must name the documentation"),
    ('sources = ["https://acme.example/docs"]', "", ":1: sources: is missing"),
    ('["AcmeAI"]', '"AcmeAI"', ":3: other_names: must be a list"),
    ('["AcmeAI"]', "[1]", r":3: other_names[0]: must be a string"),
    ("is_required = true", 'is_required = "yes"', ":14: settings[0].is_required: must be true"),
    ("input_tokens", "dollars", ":22: endpoints.chat.usage.dollars: is not a count"),
    ("[rate_limits]", '[error_codes]\nx = "NOPE"\n[rate_limits]', ":16: error_codes.x: there"),
    ("max_inputs = 7", "max_inputs = 0", ":32: endpoints.embed.models[0].max_inputs: "),
    # An endpoint, its codec, and options of the codec and of the strategy.
    ("endpoints.embed", "endpoints.speeech", ":27: endpoints.speeech: is not an operation"),
    ("endpoints.embed", "endpoints.reading", ":27: endpoints.reading: is not an operation"),
    ("endpoints.embed", "endpoints.chatt", "is not an operation; did you mean 'chat'?"),
    ('"openai_embed"', '"openai_models"', ":28: endpoints.embed.codec: 'openai_models' is a"),
    ("developer_role", "developer_rol", ":20: endpoints.chat.options.developer_rol: is not"),
    ("developer_role", "developer_rol", "did you mean 'developer_role'?"),
    ('"system" }', "1 }", ":20: endpoints.chat.options.developer_role: must be a string"),
    ("organization_header", "organisation_header", ":10: auth.options.organisation_header: "),
    # Members of value maps, the old ones among them, and facts about models.
    (EXACT, 'same = { minimal = "low" }', ":26: endpoints.chat.value_maps[0].same: is not"),
    (EXACT, "instead = { none = {} }", ":26: endpoints.chat.value_maps[0].instead: is not"),
    (EXACT, "exactly = {}", "did you mean 'exact'?"),
    (EXACT, "", ":23: endpoints.chat.value_maps[0]: must have a value in exact, closest"),
    (EXACT, "exact = { a = 1 }", ":26: endpoints.chat.value_maps[0].exact.a: must be a string"),
    (MAP, "of =", ":24: endpoints.chat.value_maps[0].of: is not a key"),
    ("value_maps]]", "words]]", ":23: endpoints.chat.words: is not a key"),
    ("contains =", "contain =", ":25: endpoints.chat.value_maps[0].match.contain: is not"),
    ('"acme-1" }', '"a", equals = "b" }', ":25: endpoints.chat.value_maps[0].match: must have"),
    ('"acme-1" }', '"" }', ":25: endpoints.chat.value_maps[0].match.contains: "),
    ('"acme-1" }', '["", "a"] }', ":25: endpoints.chat.value_maps[0].match.contains: "),
    ('"acme-1" }', "[] }", ":25: endpoints.chat.value_maps[0].match.contains: "),
    ("max_inputs", "max_input", ":32: endpoints.embed.models[0].max_input: is not"),
    ("max_inputs = 7", "retires_on = 7", ":32: endpoints.embed.models[0].retires_on: "),
    # A day that is none, and names that nothing knows: a request that requires the right one would
    # find no provider, and no call a price.
    ('"2026-11-23"', '"23.11.2026"', ":6: checked_on: "),
    ('"2026-11-23"', "20261123", ":6: checked_on: "),
    (
        'path = "/chat"',
        'path = "/chat"\ncapabilities = ["stream", "visoin"]',
        ":20: endpoints.chat.capabilities: chat has no capability 'visoin'; did you mean 'vision'?",
    ),
    (
        'path = "/embed"',
        'path = "/embed"\ncapabilities = ["vision"]',
        ":30: endpoints.embed.capabilities: embed has no capability 'vision'",
    ),
    ('name = "Acme"', 'name = "Acme', ": not TOML: "),
]
# What only the reader can tell: settings that addresses and paths depend on, days that no calendar
# has, and the providers that another package knows.
UNSET = [
    ('"2026-11-23"', '"2026-02-30"', ":6: checked_on: "),
    (
        "[auth]",
        'price_provider = "opnrouter"\n[auth]',
        ":7: price_provider: genai-prices has no provider 'opnrouter'; did you mean 'openrouter'?",
    ),
    ("{region}", "{regoin}", ":4: base_url: there is no setting 'regoin'; did you mean 'region'?"),
    ("[auth]", '[base_urls]\n"tier=x" = "https://x"\n[auth]', ":8: base_urls.tier=x: there is no"),
    ('path = "/chat"', 'path = "/chat"\npaths = { "tier=x" = "/x" }', ":20: endpoints.chat.paths."),
    (
        'path = "/chat"',
        'path = "/chat"\nbase_urls = { "tier=x" = "https://x" }',
        ":20: endpoints.chat.base_urls.",
    ),
    (
        'path = "/chat"',
        'path = "/chat"\nbase_url = "https://{x}"',
        ":20: endpoints.chat.base_url: ",
    ),
    (
        'path = "/chat"',
        'path = "/{modle}"',
        ":19: endpoints.chat.path: there is no setting 'modle'",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), [*WRONG, *UNSET])
def test_wrong_file_is_refused_with_line_and_key(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """What is not understood is an error that says where it is, before any call meets it."""
    assert old in ACME
    with pytest.raises(ValueError, match=r"^acme\.toml") as raised:
        load(tmp_path, ACME.replace(old, new))
    assert message in str(raised.value)


def test_provider_with_prices_is_taken_though_no_shipped_file_names_it(tmp_path: Path) -> None:
    """`genai-prices` itself is asked about the others."""
    (tmp_path / "acme.toml").write_text(ACME.replace("[auth]", 'price_provider = "novita"\n[auth]'))
    assert load_catalog(tmp_path).find("Acme").price_provider == "novita"


def test_shipped_names_are_those_of_the_price_catalog() -> None:
    """They are checked without loading it, in each process; here it is loaded."""
    shipped = {spec.price_provider for spec in CATALOG.specs} - {""}
    assert shipped <= {provider.id for provider in providers}
    loads = "import sys; from conduit_providers.catalog import load_catalog; load_catalog()"
    check = f"{loads}; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0  # noqa: S603 # our own


def test_each_operation_has_its_capabilities() -> None:
    """None is without, and none is claimed by nobody."""
    claimed: dict[str, set[str]] = {name: set() for name in operation_names()}
    for spec in CATALOG.specs:
        for name, endpoint in spec.endpoints.items():
            claimed[name] |= endpoint.capabilities
    assert claimed == CAPABILITIES


def test_two_types_of_one_name_are_refused(tmp_path: Path) -> None:
    """Other names count, and case does not."""
    with pytest.raises(ValueError, match="OpenAI names both"):
        load(tmp_path, ACME.replace('["AcmeAI"]', '["openai"]'))


MODULE = """\
import msgspec

class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    colour: str = "red"

class Codec:
    def to_upstream(self, call, endpoint, target): ...
    def from_upstream(self, response, call, endpoint): ...
{decoder}
CODEC = Codec()
"""
DECODER = "    def decoder(self, call, endpoint): ...\n"


@pytest.mark.parametrize(
    ("decoder", "options", "message"),
    [
        (DECODER, 'colour = "blue"', ""),
        (DECODER, 'color = "blue"', "options.color: is not a key"),
        ("", "", "it is no codec of the operation 'chat'"),
    ],
)
def test_codec_of_another_package_has_its_own_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str, options: str, message: str
) -> None:
    """Its module says them; a codec that lacks a method is refused when the file is read."""
    package = tmp_path / "acme_package"
    package.mkdir()
    (package / "chat.py").write_text(MODULE.format(decoder=decoder))
    monkeypatch.syspath_prepend(tmp_path)
    text = ACME.replace('"openai_chat"', '"acme_package.chat"')
    text = text.replace('developer_role = "system"', options)
    if message:
        with pytest.raises(ValueError, match=message):
            load(tmp_path, text)
    else:
        load(tmp_path, text)
    for name in ("acme_package.chat", "acme_package"):
        sys.modules.pop(name, None)


FACTS = "class Model(msgspec.Struct, frozen=True):\n    max_inputs: int = 1\n"


@pytest.mark.parametrize("base", ["EmbedModel", "msgspec.Struct"])
def test_facts_of_an_operation_are_those_of_each_of_its_codecs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """Another package's, too: the suite itself reads them, such as the most inputs of a request."""
    package = tmp_path / "embed_package"
    package.mkdir()
    imported = "from conduit_providers.model_rows import EmbedModel\n"
    module = imported + MODULE.format(decoder="") + FACTS.replace("msgspec.Struct", base)
    (package / "embed.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    text = ACME.replace('"openai_embed"', '"embed_package.embed"')
    try:
        if base == "EmbedModel":
            load(tmp_path, text)
        else:
            with pytest.raises(ValueError, match=r":28: .*says of models is no EmbedModel"):
                load(tmp_path, text)
    finally:
        for name in ("embed_package.embed", "embed_package"):
            sys.modules.pop(name, None)


OPERATIONS = ("chat", "embed", "models")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_codecs_are_those_of_their_operation_and_of_no_other(operation: str) -> None:
    """The shipped files are checked by the names of codecs; here the codecs themselves are."""
    names = {
        spec.endpoints[operation].codec for spec in CATALOG.specs if operation in spec.endpoints
    }
    for codec in map(codec_named, names):
        check_codec(operation, codec)
        for other in set(OPERATIONS) - {operation}:
            with pytest.raises(ValueError, match="no codec of the operation"):
                check_codec(other, codec)


def test_missing_modules_are_noticed_without_importing() -> None:
    """Names of codecs and strategies are checked when a file is read."""
    assert has_codec("openai_chat")
    assert has_codec("conduit_providers.codecs.openai.chat")
    assert not has_codec("nobody.home")
    assert has_auth("bearer")
    assert not has_auth("nobody.home")


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ('kind = "bearer"', 'kind = "half.installed"', ":8: auth.kind: "),
        ('"openai_chat"', '"half.installed"', ":18: endpoints.chat.codec: "),
    ],
)
def test_module_that_raises_is_refused_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, place: str
) -> None:
    """Whatever it raises: an operator learns which line of which file names it."""
    package = tmp_path / "modules" / "half"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "installed.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "half", raising=False)
    with pytest.raises(ValueError, match=f"{place}.*RuntimeError: no licence"):
        load(tmp_path, ACME.replace(right, wrong, 1))
