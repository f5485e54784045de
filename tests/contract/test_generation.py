"""The generated code is what the generator makes of the protos, and it refuses a bad contract."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.protos import INCLUDES

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


def test_the_generated_code_is_up_to_date() -> None:
    """Whatever order Python's sets have, generation gives the committed files byte for byte."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, ROOT / "tools" / "generate.py", "--check"],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


HEAD = """
syntax = "proto3";
package conduit.v1;
import "conduit/v1/options.proto";
import "google/api/annotations.proto";
message Req { string id = 1; }
message Upload { bytes file = 1; }
message Res { string id = 1; }
"""
REASONS = """
enum ErrorReason { ERROR_REASON_UNSPECIFIED = 0 [(failure) = {
  code: 13, http_status: 500, openai_type: "server_error"
}]; }
"""
GOOD = """
service S { rpc Get(Req) returns (Res) {
  option (google.api.http) = {get: "/api/things/{id}"};
  option (serving) = {access: ACCESS_PUBLIC};
} }
"""


def protoc(
    folder: Path, source: str, reasons: str = REASONS, names: tuple[str, ...] = ("thing.proto",)
) -> subprocess.CompletedProcess[str]:
    """Run the generator on a contract of one file, or of further ones beside it."""
    (folder / "thing.proto").write_text(HEAD + reasons + source)
    plugin = ROOT / "tools" / "protoc-gen-conduit-python"
    includes = (folder, ROOT / "protos", *INCLUDES)
    return subprocess.run(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *(f"-I{path}" for path in includes),
            f"--plugin=protoc-gen-conduit={plugin}",
            f"--conduit_out={folder}",
            *names,
        ],
        env={**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_contract_that_keeps_the_rules_is_generated(tmp_path: Path) -> None:
    """The refusals below are not for another reason."""
    done = protoc(tmp_path, GOOD)
    assert done.returncode == 0, done.stderr
    assert "def read_get(" in (tmp_path / "conduit" / "v1" / "s_routes.py").read_text()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "service S { rpc Get(Req) returns (Res) {} }",
            "S.Get does not say who may call it",
        ),
        (
            GOOD + GOOD.replace("service S", "service T").replace("{id}", "{id=**}"),
            "Get and Get share GET /api/things/{id=**}",
        ),
        (
            GOOD.replace("ACCESS_PUBLIC", "ACCESS_SERVICE"),
            "S.Get is for services alone; declare it in the internal package",
        ),
        (GOOD.replace("{id}", "{name}"), "conduit.v1.Req has no field name"),
        (GOOD.replace("{id}", "{id}:run"), "a segment must be literal"),
        (
            GOOD.replace("/{id}", "").replace("Get(Req)", "Get(Upload)"),
            "Upload.file: only a JSON body can carry its type",
        ),
        (
            GOOD.replace("returns (Res)", "returns (stream Res)"),
            "S.Get does not say how its stream is written",
        ),
        (
            "message M { int32 price = 1 [(as_json) = {money: true}]; }",
            "M.price: money must be an int64",
        ),
        (
            'message M { string a = 1; string b = 2 [(as_json) = {name: "a"}]; }',
            "M has two members a",
        ),
        ("message M { message N {} }", "M has nested types"),
        ("message M { float f = 1; }", "M.f: fields of its type are not supported"),
        (
            """
            message M {}
            message A { M m = 1; }
            message O { option (dialect) = DIALECT_OPENAI; M m = 1; }
            """,
            "M is held in two dialects",
        ),
        (
            'message M { bytes a = 1 [(as_json) = {document: "application/yaml"}]; }',
            "M.a: only a text can be the body itself",
        ),
        (
            "message M { string a = 1 [(as_json) = {null: true}]; }",
            "M.a: only a boolean can stand for null",
        ),
        (
            """
            message M {
              string beside = 1;
              oneof event { option (discriminator) = "type"; option (flat) = true; Res res = 2; }
            }
            """,
            "M is flat, and has members beside its choice",
        ),
        (
            """
            message M {
              oneof event { option (discriminator) = "type"; option (flat) = true; string s = 1; }
            }
            """,
            "M.s: a flat choice must be a message",
        ),
        (
            """
            message M {
              oneof event { option (discriminator) = "id"; option (flat) = true; Res res = 1; }
            }
            """,
            "M.res: has a member id, which is the choice's",
        ),
        (
            GOOD.replace("Get(Req)", "Get(stream Req)"),
            "S.Get does not say which field begins its stream",
        ),
        (
            GOOD.replace("ACCESS_PUBLIC", 'ACCESS_PUBLIC presets: {field: "id" value: "X"}'),
            "S.Get: no route sets id to X at ''",
        ),
        (
            GOOD.replace("ACCESS_PUBLIC", 'ACCESS_PUBLIC form: "id"'),
            "S.Get: id does not say what the form is",
        ),
        (
            GOOD.replace("ACCESS_PUBLIC", "ACCESS_ADMINISTRATOR"),
            "S.Get must name a role if administrators may call it, and only then",
        ),
        (
            GOOD.replace("ACCESS_PUBLIC", "ACCESS_PUBLIC role: ROLE_OWNER"),
            "S.Get must name a role if administrators may call it, and only then",
        ),
        ("message M { map<bool, int64> m = 1; }", "M.m: maps by booleans are not supported"),
        ("message M { map<string, Res> m = 1; }", "M.m: maps of messages are not supported"),
    ],
)
def test_a_contract_that_breaks_a_rule_is_refused(
    tmp_path: Path, source: str, problem: str
) -> None:
    """Generation fails and says where and why."""
    done = protoc(tmp_path, source)
    assert done.returncode != 0
    assert problem in done.stderr
    assert not list(tmp_path.rglob("*.py"))


def test_a_reason_must_say_what_it_means(tmp_path: Path) -> None:
    """An error reason without a status for clients is refused."""
    done = protoc(tmp_path, GOOD, REASONS.replace("http_status: 500, ", ""))
    assert done.returncode != 0
    assert "ERROR_REASON_UNSPECIFIED does not say what it means to a client" in done.stderr


INTERNAL = """
syntax = "proto3";
package conduit.internal.v1;
import "conduit/v1/options.proto";
import "google/api/annotations.proto";
message Req {}
message Res {}
service T { rpc Tell(Req) returns (Res) {
  option (conduit.v1.serving) = {access: ACCESS_SERVICE};
} }
"""


def test_internal_rpcs_are_listed_apart(tmp_path: Path) -> None:
    """The public package knows nothing of them, and they have no JSON and no routes."""
    (tmp_path / "inner.proto").write_text(INTERNAL)
    done = protoc(tmp_path, GOOD, names=("thing.proto", "inner.proto"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "conduit" / "internal" / "v1"
    assert [path.name for path in folder.iterdir()] == ["methods.py"]
    assert "/conduit.internal.v1.T/Tell" in (folder / "methods.py").read_text()
    assert "internal" not in (tmp_path / "conduit" / "v1" / "methods.py").read_text()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ACCESS_SERVICE", "ACCESS_ADMINISTRATOR", "T.Tell is internal but not for services alone"),
        (
            "option (conduit",
            'option (google.api.http) = {get: "/api/inner"}; option (conduit',
            "T.Tell is internal but has an HTTP rule",
        ),
    ],
)
def test_an_internal_rpc_open_to_others_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """Neither a key of the outside nor HTTP may lead to it."""
    (tmp_path / "inner.proto").write_text(INTERNAL.replace(old, new))
    done = protoc(tmp_path, GOOD, names=("thing.proto", "inner.proto"))
    assert done.returncode != 0
    assert problem in done.stderr
