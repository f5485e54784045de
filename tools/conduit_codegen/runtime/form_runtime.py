"""What the generated form converters share: readers and writers of a form's members."""

from collections.abc import Collection
from typing import NoReturn, TypeAlias

import orjson

from conduit.v1.form_pb2 import Form, FormFile, FormMember
from conduit.v1.json_limits import TOO_DEEP, is_too_deep
from conduit.v1.json_runtime import JsonError, hint, parse_member

# By name, without brackets: the values in order, and whether they are a list.
Unknown: TypeAlias = dict[str, tuple[list[str], bool]]

_LIST = "[]"


def name_of(member: FormMember) -> str:
    """Return a member's name, without the brackets by which some clients mark lists."""
    return member.name.removesuffix(_LIST)


def text(member: FormMember, name: str) -> str:
    """Read a member that is no file."""
    if member.HasField("file"):
        raise JsonError(name, "must not be a file")
    try:
        return member.value.decode()
    except UnicodeDecodeError as error:
        raise JsonError(name, "must be UTF-8") from error


def raw(member: FormMember) -> bytes:
    """Read a member as JSON text; what is no JSON is a string."""
    name = name_of(member)
    value = text(member, name)
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return orjson.dumps(value)
    if is_too_deep(member.value):
        raise JsonError(name, TOO_DEEP)
    return member.value


def fill_file(file: FormFile, member: FormMember) -> None:
    """Read a member that is a file; one without a name of its own is one, too."""
    if member.HasField("file"):
        file.CopyFrom(member.file)
    else:
        file.content = member.value
    file.content_type = member.content_type


def refuse(name: str, known: Collection[str]) -> NoReturn:
    """Raise the JsonError of a member that a form does not have."""
    raise JsonError(name, "is not a member of this form" + hint(name, known))


def keep(unknown: Unknown, name: str, member: FormMember) -> None:
    """Keep a member that the contract does not know; JSON has no place for files."""
    if not member.HasField("file"):
        values, is_list = unknown.get(name, ([], False))
        values.append(text(member, name))
        unknown[name] = (values, is_list or len(values) > 1 or member.name.endswith(_LIST))


def unknown_json(unknown: Unknown) -> bytes:
    """Return the members that were kept, as JSON text: strings, or lists of strings."""
    members = unknown.items()
    return orjson.dumps({name: vs if is_list else vs[0] for name, (vs, is_list) in members})


def add(form: Form, name: str, value: str) -> None:
    """Add a member that is no file."""
    form.members.add(name=name, value=value.encode())


def add_file(form: Form, name: str, file: FormFile | None) -> None:
    """Add a file; None stands for what is given in another way, which no form can say."""
    if file is None:
        raise JsonError(name.removesuffix(_LIST), "must be a file in a form")
    member = form.members.add(name=name, content_type=file.content_type)
    member.file.CopyFrom(file)
    member.file.ClearField("content_type")


def raw_text(value: bytes, name: str) -> str:
    """Return JSON text as a form has it: strings as they are."""
    said = parse_member(value, name)
    return said if isinstance(said, str) else value.decode()


def add_unknown(form: Form, members: bytes, known: Collection[str], field: str) -> None:
    """Add the members that the contract does not know; they cannot speak for those it knows."""
    if not members:
        return
    unknown = parse_member(members, field)
    if not isinstance(unknown, dict):
        raise JsonError(field, "is not a JSON object")
    for name, value in unknown.items():
        if name in known:
            continue
        for item in value if isinstance(value, list) else [value]:
            said = item if isinstance(item, str) else orjson.dumps(item).decode()
            add(form, f"{name}{_LIST}" if isinstance(value, list) else name, said)
