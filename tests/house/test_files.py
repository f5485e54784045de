"""What may be in the repository, and how large it may be."""

import ast
import re
import statistics
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest

MODULE_LINES = 400
# A list of truths may be longer than a module.
TEST_MODULE_LINES = 600
# A noun or two with their rules.
PROTO_LINES = 270
LONG_PROTOS = {
    # One enum: each reason with its rule, its example and its hint, where whoever adds one looks.
    "protos/conduit/v1/error_reason.proto",
    # One noun, as OpenAI has it: a chat, asked for, answered and counted.
    "protos/conduit/v1/chat.proto",
    # All that the contract says of itself beside types and names, in one place for writers.
    "protos/conduit/v1/options.proto",
}
# Only where concrete things are put together is there much to name in a row.
LONG_FUNCTION_LINES = 80
MEDIAN_FUNCTION_LINES = 10
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "stuff"}
# In pieces, so that this file does not find itself.
SECRETS = {
    "OpenAI key": "sk" + r"-(?:proj-|ant-)?[A-Za-z0-9_-]{40,}",
    "virtual key": "condt" + r"_[A-Za-z0-9_-]{43}\b",
    "AWS key": "AKIA" + r"(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}\b",
    "Google key": "AIza" + r"[0-9A-Za-z_-]{35}",
    "GitHub token": "gh" + r"[pousr]_[A-Za-z0-9]{36}",
    "Slack token": "xox" + r"[baprs]-[0-9A-Za-z-]{20,}",
    "private key": "-----BEGIN " + r"(?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/]{60}",
}
EXCEPTION = re.compile(r"#\s*(?:no" + r"qa|type:\s*ig" + r"nore)\b")
REASONED = re.compile(r"(?:no" + r"qa: [A-Z0-9, ]+|ig" + r"nore\[[a-z, -]+\] +)[#-] \w")
MACHINE = {
    "path of a machine": r"(?<![\w.}~)-])/" + r"(?:work|root|home|Users|tmp)/[\w.]",
    "package index": r"(?:extra-)?index-" + r"url\s*[=:]",
    "registry in a lock file": r"\"resolved\": \"https://" + r"(?!registry\.npmjs\.org/)",
}


def test_names_say_what_is_inside(texts: dict[str, str]) -> None:
    """A file called utils has no subject, and collects what has no place."""
    vague = [name for name in texts if PurePosixPath(name).stem.lower() in VAGUE]
    assert vague == []


def test_migrations_of_a_service_are_one_chain(ours: dict[str, str]) -> None:
    """Each follows the one before it; two that land with one number would stop every start."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name in sorted(ours):
        if (path := PurePosixPath(name)).match("services/*/migrations/v*.py"):
            revision, after = re.findall(
                r'^(?:down_)?revision\b.* = (?:"(\w+)"|None)$', ours[name], re.MULTILINE
            )
            found.setdefault(path.parts[1], []).append((path.stem[:5], revision, after))
    assert found
    for service, chain in found.items():
        numbers = [f"v{number:04}" for number in range(1, len(chain) + 1)]
        assert [each[0] for each in chain] == numbers, service
        assert [each[1] for each in chain] == numbers, service
        assert [each[2] for each in chain] == ["", *numbers[:-1]], service


def test_modules_are_short(ours: dict[str, str]) -> None:
    """At most 400 lines, 600 in tests; a longer one has two subjects."""
    long = {
        name: lines
        for name, text in ours.items()
        if (lines := text.count("\n"))
        > (TEST_MODULE_LINES if name.startswith("tests/") else MODULE_LINES)
    }
    assert long == {}


def test_contract_files_are_short(texts: dict[str, str]) -> None:
    """At most 270 lines; a service alone may have more, as it must be in one file."""
    lines = {name: text.count("\n") for name, text in texts.items() if name.endswith(".proto")}
    long = {name for name, count in lines.items() if count > PROTO_LINES}
    services = {name for name in long if _holds_a_service_alone(texts[name])}
    assert long - services == LONG_PROTOS


def test_a_service_with_messages_beside_it_is_not_excused() -> None:
    """They have files of their own."""
    assert _holds_a_service_alone("service A {\n}\n")
    assert not _holds_a_service_alone("service A {\n}\n\nmessage B {\n}\n")
    assert not _holds_a_service_alone("service A {\n}\n\nservice B {\n}\n")


def _holds_a_service_alone(text: str) -> bool:
    return re.findall(r"^(service|message|enum)\b", text, re.MULTILINE) == ["service"]


def test_functions_are_short(ours: dict[str, str]) -> None:
    """Ten lines at the median and eighty at most, docstrings included."""
    sizes = _function_sizes({n: t for n, t in ours.items() if n.startswith("services/")})
    assert {name: size for name, size in sizes.items() if size > LONG_FUNCTION_LINES} == {}
    assert statistics.median(sizes.values()) <= MEDIAN_FUNCTION_LINES


def _function_sizes(modules: dict[str, str]) -> dict[str, int]:
    return {
        f"{name}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, text in modules.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_is_kept(texts: dict[str, str], kind: str) -> None:
    """Nothing in the repository looks like a key that could be somebody's."""
    pattern = re.compile(SECRETS[kind])
    assert [name for name, text in texts.items() if pattern.search(text)] == []


@pytest.mark.parametrize("kind", MACHINE)
def test_nothing_is_of_one_machine_only(texts: dict[str, str], kind: str) -> None:
    """No path and no package index of the place where it was written."""
    pattern = re.compile(MACHINE[kind])
    found = {name: hit[0] for name, text in texts.items() if (hit := pattern.search(text))}
    assert found == {}


def test_exceptions_from_rules_give_their_reason(ours: dict[str, str]) -> None:
    """Each `noqa` and `type: ignore` names its rule and says why, beside it or just above."""
    bare = [
        f"{name}:{number + 1}: {line.strip()}"
        for name, text in ours.items()
        for number, (above, line) in enumerate(pairwise(["", *text.splitlines()]))
        if EXCEPTION.search(line)
        and not REASONED.search(line)
        and not above.strip().startswith("# ")
    ]
    assert bare == []


def test_every_package_is_typed(root: Path) -> None:
    """Each package of ours says so with `py.typed`, so that its users' checkers look inside."""
    packages = [*(root / "services").glob("conduit_*"), root / "clients/python/conduit_client"]
    assert len(packages) > 5
    assert [p.name for p in packages if p.is_dir() and not (p / "py.typed").exists()] == []
