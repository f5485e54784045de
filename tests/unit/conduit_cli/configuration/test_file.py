"""A file that says how a gateway is configured."""

import json
from pathlib import Path

import pytest

from conduit_cli.configuration import file as config_file
from conduit_cli.configuration.file import ConfigFile, FileProblems, Problem

PATH = Path("gateway.yaml")
TEXT = """# A comment
version: 1
providers:
- name: A
  providerType: OpenAI
  keys:
  - {apiKey: "env:A"}
  - name: b
    apiKey: "env:B"
- {name: Ä, providerType: Groq}
modelCosts:
- modelPattern: gpt-*
"""


def test_sections_go_to_those_who_keep_them() -> None:
    """The Registry's as one document, JSON, which is YAML; the others as lists."""
    file = ConfigFile(PATH, TEXT)
    assert file.sections == {"providers"}
    assert file.provider_names == ["A", "Ä"]
    assert json.loads(file.registry_document).keys() == {"version", "providers"}
    assert file.listed == {"modelCosts": [{"modelPattern": "gpt-*"}]}
    assert ConfigFile(PATH, "webhooks:").listed == {"webhooks": []}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("providers", 3),
        ("providers[0]", 4),
        ("providers[0].providerType", 5),
        ("providers[0].keys[1].apiKey", 9),
        ("providers[0].keys[0].baseUrl", 7),
        ("providers[1].weight", 10),
        ("providers[7].weight", 3),
        ("modelCosts[0].modelPattern", 12),
    ],
)
def test_a_path_leads_to_its_line_as_far_as_it_can_be_followed(path: str, line: int) -> None:
    """What is missing is looked for where it should be."""
    assert ConfigFile(PATH, TEXT).place_of(path) == f"gateway.yaml:{line}"


def test_a_path_that_leads_nowhere_is_of_the_file() -> None:
    """As is a problem with all of it."""
    assert ConfigFile(PATH, TEXT).place_of("") == "gateway.yaml"
    assert ConfigFile(PATH, TEXT).place_of("elsewhere[0]") == "gateway.yaml"


def test_json_has_lines_too() -> None:
    """A file may be JSON."""
    text = '{"providers": [\n{"name": "A"},\n{"name": "B", "weight": -1}]}'
    assert ConfigFile(PATH, text).place_of("providers[1].weight") == "gateway.yaml:3"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("providers: [", Problem("", "yaml is not right at line 2")),
        ("- 1", Problem("", "a document has sections")),
        ("webhooks: 3", Problem("webhooks", "webhooks must be a list of things")),
        ("a: 1\na: 2", Problem("", "yaml is not right at line 2: a key is there twice")),
    ],
)
def test_what_is_no_document_is_a_problem(text: str, problem: Problem) -> None:
    """It has no sections then, and nobody else is asked."""
    with pytest.raises(FileProblems) as caught:
        ConfigFile(PATH, text)
    [found] = caught.value.problems
    assert found.path == problem.path
    assert found.message.startswith(problem.message)


def test_a_byte_order_mark_is_none_of_it(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    path = tmp_path / "gateway.yaml"
    path.write_text("\ufeff" + TEXT, "utf-8")
    assert ConfigFile.read(path).sections == {"providers"}
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnicodeError):
        ConfigFile.read(path)


def test_a_file_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no regular file does not say how large it is."""
    monkeypatch.setattr(config_file, "MAX_BYTES", 1024 * 1024)
    with pytest.raises(FileProblems) as raised:
        ConfigFile.read(Path("/dev/zero"))
    assert raised.value.problems == [Problem("", "a file has at most 1 MiB")]
