"""Writes the functions that read a message from JSON."""

from .contract import Field, Oneof
from .json_bare import read_bare
from .json_members import read_member, read_single
from .json_names import filler, known, known_here, members, reader, text_targets
from .json_values import Scope, member_path
from .naming import module
from .source import quoted, tuple_of


def write_reader(scope: Scope) -> None:
    """Add the table of the members that a message knows, and the two functions that read it."""
    is_open = scope.message.is_bare or scope.message.flat is not None
    if not is_open and (scope.is_admin or scope.message.unknown):
        _known(scope)
    _reader(scope)
    _filler(scope)


def _known(scope: Scope) -> None:
    name = known(scope.message)
    oneof = scope.message.discriminated
    fields = members(scope.contract, scope.message)
    plain = [
        quoted(name)
        for f in fields
        if oneof is None or f.oneof != oneof.name
        for name in (f.member, f.json.also)
        if name
    ]
    if oneof is None:
        scope.body.line(f"{name}: Final[frozenset[str]] = {_frozenset(plain)}")
    else:
        # By what the discriminator says: the members of the other choices are then unknown ones.
        with scope.body.block(f"{name}: Final[dict[str | None, frozenset[str]]] = {{"):
            for choice in oneof.fields:
                chosen = [quoted(oneof.discriminator), quoted(choice.member)]
                scope.body.line(f"{quoted(choice.name)}: {_frozenset([*chosen, *plain])},")
            scope.body.line(f"None: {_frozenset(plain)},")
        scope.body.line("}")
    scope.body.gap()


def _frozenset(literals: list[str]) -> str:
    return f"frozenset({{{', '.join(literals)}}})" if literals else "frozenset()"


def _reader(scope: Scope) -> None:
    message = scope.message
    message_type = f"{module(message.file)}.{message.name}"
    with scope.body.block(
        f'def {reader(message)}(value: object, path: str = "") -> {message_type}:'
    ):
        doc = f"Return the `{message.name}` that a JSON value says. Raises JsonError."
        scope.body.line(f'"""{doc}"""')
        scope.body.line(f"message = {message_type}()")
        place = "path" if message.is_bare else 'f"{path}." if path else ""'
        scope.body.line(f"{filler(message)}(message, value, {place})")
        scope.body.line("return message")
    scope.body.gap()


def _filler(scope: Scope) -> None:
    message = scope.message
    message_type = f"{module(message.file)}.{message.name}"
    with scope.body.block(
        f"def {filler(message)}(message: {message_type}, value: object, path: str) -> None:"
    ):
        place = "is its place" if message.is_bare else "is empty or ends with a dot"
        scope.body.line(f'"""Read a JSON value into an empty message; `path` {place}."""')
        if _is_held_alone(scope):
            scope.body.line("message.SetInParent()")
        if message.is_bare:
            read_bare(scope)
        else:
            _object(scope)
    scope.body.gap()


def _is_held_alone(scope: Scope) -> bool:
    """Return whether fields hold the message alone, so that an empty one must be marked as set."""
    return any(
        field.type_name == scope.message.full_name and not field.repeated
        for other in scope.contract.messages.values()
        for field in other.fields
    )


def _object(scope: Scope) -> None:
    with scope.body.block("if not isinstance(value, dict):"):
        scope.body.line('runtime.reject(path, "an object", value)')
    if (flat := scope.message.flat) is not None:
        _flat_choice(scope, flat)
        return
    for field in members(scope.contract, scope.message):
        if field.json.also:
            names = f"{quoted(field.json.also)}, {quoted(field.member)}"
            scope.body.line(f"value = runtime.renamed(value, {names}, path)")
        oneof = scope.message.oneof_of(field)
        if oneof is None or not oneof.discriminator:
            read_member(scope, field)
        elif field is oneof.fields[0]:
            _choice(scope, oneof)
        if oneof is not None and not oneof.discriminator and field is oneof.fields[-1]:
            _exclusive(scope, oneof)
    _rest(scope)


def _flat_choice(scope: Scope, oneof: Oneof) -> None:
    """Add the reading of a oneof whose choice's members stand beside the discriminator."""
    discriminator = quoted(oneof.discriminator)
    # Only a message that refuses kinds has to name them.
    names_kind = scope.message.unknown is None
    given = f"{'kind := ' if names_kind else ''}value.get({discriminator})"
    with scope.body.block(f"match {given}:"):
        for field in oneof.fields:
            with scope.body.block(f"case {quoted(field.member)}:"):
                scope.body.line(f"members = runtime.without(value, {discriminator})")
                read = filler(scope.contract.message_of(field))
                scope.body.line(f"{read}(message.{field.name}, members, path)")
        with scope.body.block("case _:"):
            if (unknown := scope.message.unknown) is None:
                offered = tuple_of(field.member for field in oneof.fields)
                place = f"path + {discriminator}"
                scope.body.line(f"runtime.unknown_kind(kind, {offered}, {place})")
            else:
                scope.body.line("if value:")
                kept = "runtime.unknown(value, (), path)"
                scope.body.line(f"    message.{unknown.name} = {kept}")


def _choice(scope: Scope, oneof: Oneof) -> None:
    """Add the reading of a oneof whose discriminator says which field is set."""
    names = tuple_of(field.name for field in oneof.fields)
    scope.body.line(f"kind = value.get({quoted(oneof.discriminator)})")
    with scope.body.block("if kind is None:"):
        scope.body.line(f"kind = runtime.first_given(value, {names})")
    with scope.body.block("match kind:"):
        for field in oneof.fields:
            with scope.body.block(f"case {quoted(field.name)}:"):
                _chosen(scope, field)
        if scope.message.unknown is None:
            with scope.body.block("case _:"):
                # What a bare string stands for is not offered in an object.
                text = text_targets(scope.contract).get(scope.message.full_name)
                offered = tuple_of(f.name for f in oneof.fields if f is not text)
                place = f"path + {quoted(oneof.discriminator)}"
                scope.body.line(f"runtime.unknown_kind(kind, {offered}, {place})")


def _chosen(scope: Scope, field: Field) -> None:
    """Add the reading of the field that the discriminator names."""
    if scope.contract.holds_nothing(field):
        scope.body.line(f"message.{field.name}.SetInParent()")
        return
    given = f"value.get({quoted(field.member)}), {member_path(field)}"
    scope.body.line(f"member = runtime.given({given})")
    read_single(scope, field)


def _exclusive(scope: Scope, oneof: Oneof) -> None:
    """Add the check that at most one field of a oneof is given."""
    names = tuple_of(field.member for field in oneof.fields)
    scope.body.line(f"runtime.at_most_one(value, {names}, path)")


def _rest(scope: Scope) -> None:
    """Add what happens to members that the message does not know."""
    unknown = scope.message.unknown
    if unknown is None and not scope.is_admin:
        return
    names = known_here(scope.message)
    if scope.message.discriminated is not None:
        scope.body.line(f"known = {names}")
        names = "known"
    with scope.body.block(f"if not {names}.issuperset(value):"):
        if unknown is None:
            scope.body.line(f"runtime.refuse_unknown(value, {names}, path)")
        else:
            scope.body.line(f"message.{unknown.name} = runtime.unknown(value, {names}, path)")
