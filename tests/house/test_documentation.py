"""The documentation site has a place for all there is; `make docs` builds it of that."""

import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tools.conduit_codegen.contract import Contract
from tools.documentation.command_page import command_page
from tools.documentation.contract_pages import read_contract
from tools.documentation.pages import guides, navigation, problems, reference
from tools.documentation.settings_page import UndocumentedSetting, settings_page

from conduit_cli.commands import conduit
from conduit_kernel.setting_names import known_names

Pages = dict[str, str]


@pytest.fixture(scope="module")
def contract(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """Return the public contract, with its comments."""
    image = tmp_path_factory.mktemp("contract") / "contract.binpb"
    buf = Path(sys.executable).with_name("buf")
    command = [str(buf), "build", "--as-file-descriptor-set", "-o", str(image)]
    subprocess.run(command, cwd=root, check=True, timeout=60)  # noqa: S603 # our own
    return read_contract(image)


@pytest.fixture(scope="module")
def written(root: Path) -> Pages:
    """Return what is written by hand."""
    return guides(root)


@pytest.fixture(scope="module")
def made(contract: Contract, written: Pages) -> Pages:
    """Return what is made of the code."""
    return reference(contract, written)


def test_every_rpc_has_a_section_with_its_routes(contract: Contract, made: Pages) -> None:
    """On the page of its service."""
    for service in contract.services:
        page = made[f"reference/{service.name}.md"]
        for rpc in service.rpcs:
            section = page.split(f"## {rpc.name}\n", 1)[1].split("\n## ", 1)[0]
            assert rpc.comment.split("\n")[0] in section
            assert all(f"`{each.verb} {each.path}`" in section for each in rpc.bindings)
            fields = contract.messages[rpc.request].fields
            assert all(f"| `{each.name}` |" in section for each in fields)


def test_every_message_and_enum_has_a_section_with_its_members(
    contract: Contract, made: Pages
) -> None:
    """On the page of its noun, and in the list of all."""
    for file in contract.files:
        for message in file.messages:
            section = made[f"reference/messages/{file.noun}.md"].split(f"## {message.name}\n", 1)[1]
            assert all(f"| `{each.name}` |" in section for each in message.fields)
        for name in [*(each.name for each in file.messages), *(each.name for each in file.enums)]:
            assert f"[{name}](messages/{file.noun}.md#" in made["reference/messages.md"]


def test_every_error_is_told_with_its_status_and_what_to_do(
    contract: Contract, made: Pages
) -> None:
    """As the contract has it."""
    page = made["reference/errors.md"]
    for value in contract.enums["conduit.v1.ErrorReason"].values[1:]:
        name = value.name.removeprefix("ERROR_REASON_")
        section = page.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        assert value.failure is not None
        assert f"- **HTTP**: `{value.failure.http_status}`" in section
        assert "Example:" in section
        assert " ".join(value.failure.hint.replace("|", "\\|").split()) in section


def test_every_command_and_option_is_on_the_page_of_commands(made: Pages) -> None:
    """Those that are hidden are not."""
    page = made["reference/command.md"]
    for path, command in _commands(conduit, "conduit"):
        section = page.split(f"## {path}\n", 1)[1].split("\n## ", 1)[0]
        options = [each for each in command.params if isinstance(each, click.Option)]
        assert all(each.opts[0] in section for each in options if not each.hidden)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from _commands(each, f"{path} {name}")


def test_help_is_shown_as_it_was_written() -> None:
    """With the usage, and without the marks by which click keeps lines."""

    @click.command(help="Says hello.\n\n\b\nhello a | b")
    @click.option("--name", help="Whose a | b.")
    def hello(name: str) -> None:
        click.echo(name)

    page = command_page(hello)
    assert "conduit [OPTIONS]" in page
    assert "\b" not in page
    assert "| `--name TEXT` | Whose a \\| b. |" in page


def test_every_setting_is_on_the_page_of_settings(made: Pages) -> None:
    """With the words of the guide that tells of it; targets stand in one row."""
    page = made["reference/settings.md"]
    for name in known_names():
        assert f"| `{name}` |" in page or name.endswith("_TARGET")
    assert "| `CONDUIT_<SERVICE>_TARGET` |" in page


def test_a_setting_without_a_word_is_refused() -> None:
    """So nobody adds one in silence."""
    target = "| `CONDUIT_<SERVICE>_TARGET` | where | beside |\n"
    with pytest.raises(UndocumentedSetting, match="CONDUIT_NEW"):
        settings_page({"CONDUIT_OLD", "CONDUIT_NEW"}, {"a.md": f"# A\n`CONDUIT_OLD`\n{target}"})


def test_every_guide_is_in_the_table_of_contents(contract: Contract, written: Pages) -> None:
    """Also one that somebody adds tomorrow; and all that it names is there."""
    pages = {**written, "new.md": "# New"}
    nav = navigation(pages, contract)
    assert set(_names(nav)) >= set(pages)
    assert list(problems(nav, {**pages, **reference(contract, written)})) == []


def test_links_lead_to_headings_that_are_there(written: Pages) -> None:
    """Within a page and from one to another; the generator holds the reference's to the same."""
    headings = {path: set(_anchors(text)) for path, text in written.items()}
    broken = [
        f"{path}: {link}"
        for path, text in written.items()
        for link in re.findall(r"\]\(([^)\s:]*#[^)\s]+)\)", _without_code(text))
        if (parts := link.partition("#"))[2]
        not in headings.get(_place(path, parts[0]) if parts[0] else path, set())
    ]
    assert broken == []


def _place(path: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(text: str) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", _without_code(text), re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        yield re.sub(r"\s+", "-", plain)


def _names(nav: list[object]) -> Iterator[str]:
    for each in nav:
        if isinstance(each, dict):
            for inner in each.values():
                yield from _names(inner)
        else:
            yield str(each)
