"""Writes the functions that write a message as JSON."""

from .contract import DURATION, STRUCT, TIMESTAMP, Contract, Dialect, Field, Kind, Message, Oneof
from .json_names import (
    bare_text,
    known,
    members,
    text_targets,
    write_table,
    writer,
)
from .json_readers import NATIVE
from .naming import module, spelling
from .source import Source, quoted

WELL_KNOWN_WRITERS = {
    TIMESTAMP: "runtime.timestamp_text",
    DURATION: "runtime.duration_text",
    STRUCT: "runtime.struct_json",
}


class MessageWriter:
    """Adds the writers of one message to a module."""

    def __init__(self, contract: Contract, message: Message, body: Source) -> None:
        self._contract = contract
        self._message = message
        self._body = body
        self._fields = [f for f in members(contract, message) if not f.json.secret]
        self._type = f"{module(message.file)}.{message.name}"

    def write(self) -> None:
        """Add the functions."""
        if self._message.is_bare:
            self._bare()
        else:
            self._object()
        if (text := text_targets(self._contract).get(self._message.full_name)) is not None:
            self._as_text(text)

    @property
    def _is_admin(self) -> bool:
        return self._message.dialect is Dialect.ADMIN

    # Objects.

    def _object(self) -> None:
        message = self._message
        with self._body.block(
            f"def {writer(message)}(message: {self._type}) -> dict[str, object]:"
        ):
            self._body.line(f'"""Return the JSON of this `{message.name}`."""')
            first, rest = self._leading()
            if not first and not rest and not message.unknown:
                self._body.line("return {}")
            else:
                self._literal(first)
                self._conditional(rest)
                self._unknown()
                self._body.line("return members")
        self._body.gap()

    def _leading(self) -> tuple[list[Field], list[Field]]:
        """Return the fields up to the first that is not always written, and the others."""
        count = next(
            (i for i, field in enumerate(self._fields) if self._condition(field)), len(self._fields)
        )
        return self._fields[:count], self._fields[count:]

    def _literal(self, fields: list[Field]) -> None:
        if not fields:
            self._body.line("members: dict[str, object] = {}")
            return
        with self._body.block("members: dict[str, object] = {"):
            for field in fields:
                self._body.line(f"{quoted(field.member)}: {self._expression(field)},")
        self._body.line("}")

    def _conditional(self, fields: list[Field]) -> None:
        done: set[str] = set()
        for field in fields:
            oneof = next((o for o in self._message.oneofs if o.name == field.oneof), None)
            if oneof is not None and oneof.discriminator:
                if oneof.name not in done:
                    self._choice(oneof)
                done.add(oneof.name)
                continue
            assignment = f"members[{quoted(field.member)}] = {self._expression(field)}"
            if condition := self._condition(field):
                with self._body.block(f"if {condition}:"):
                    self._body.line(assignment)
            else:
                self._body.line(assignment)

    def _choice(self, oneof: Oneof) -> None:
        with self._body.block(f'match message.WhichOneof("{oneof.name}"):'):
            for field in oneof.fields:
                with self._body.block(f"case {quoted(field.name)}:"):
                    self._body.line(
                        f"members[{quoted(oneof.discriminator)}] = {quoted(field.name)}"
                    )
                    if not field.is_message or self._contract.message_of(field).fields:
                        self._body.line(
                            f"members[{quoted(field.member)}] = {self._expression(field)}"
                        )

    def _unknown(self) -> None:
        unknown = self._message.unknown
        if unknown is None:
            return
        names = known(self._message)
        if oneof := next((o for o in self._message.oneofs if o.discriminator), None):
            names = f'{names}[message.WhichOneof("{oneof.name}")]'
        with self._body.block(f"if message.{unknown.name}:"):
            self._body.line(
                f"runtime.add_unknown(members, message.{unknown.name}, {names}, {quoted(unknown.name)})"
            )

    # Fields.

    def _condition(self, field: Field) -> str:
        """Return the condition on which a field is written; empty where it always is."""
        name = f"message.{field.name}"
        if field.json.always:
            return ""
        if field.name.startswith(NATIVE) and not self._is_admin:
            sibling = field.name.removeprefix(NATIVE)
            if any(f.name == sibling and f.kind is Kind.ENUM for f in self._fields):
                return f'message.{sibling} and message.HasField("{field.name}")'
        if field.oneof and not field.is_message:
            return f'message.HasField("{field.name}")'
        if field.has_presence:
            return f'message.HasField("{field.name}")'
        return "" if self._is_admin and not field.json.raw else name

    def _expression(self, field: Field) -> str:
        """Return the expression of a field's JSON value."""
        name = f"message.{field.name}"
        if field.map_key is not None:
            return self._map(field)
        if field.repeated:
            return self._list(field)
        if field.json.always and field.is_optional:
            return f'{self._value(field, name)} if message.HasField("{field.name}") else None'
        if field.json.raw and field.json.always:
            return f"{self._value(field, name)} if {name} else None"
        if field.json.text_member:
            nested = self._contract.message_of(field)
            return f"bare if (bare := {bare_text(nested)}({name})) is not None else {writer(nested)}({name})"
        return self._value(field, name)

    def _map(self, field: Field) -> str:
        key = "key" if field.map_key is Kind.STRING else "str(key)"
        pairs = f"sorted(message.{field.name}.items())"
        value = self._value(field, "value")
        if key == "key" and value == "value":
            return f"dict({pairs})"
        return f"{{{key}: {value} for key, value in {pairs}}}"

    def _list(self, field: Field) -> str:
        name = f"message.{field.name}"
        if field.json.text_member:
            nested = self._contract.message_of(field)
            return f"runtime.text_or_list({name}, {bare_text(nested)}, {writer(nested)})"
        item = self._value(field, "item")
        return f"list({name})" if item == "item" else f"[{item} for item in {name}]"

    def _value(self, field: Field, value: str) -> str:
        """Return the expression of one value."""
        if field.json.raw:
            return f"runtime.from_raw({value}, {quoted(field.member)})"
        if field.json.money:
            return f"runtime.dollars({value})"
        if field.kind is Kind.BYTES:
            return f"runtime.base64_text({value})"
        if field.kind is Kind.ENUM:
            return self._spelling(field, value)
        if field.type_name in WELL_KNOWN_WRITERS:
            return f"{WELL_KNOWN_WRITERS[field.type_name]}({value})"
        if field.kind is Kind.MESSAGE:
            return f"{writer(self._contract.message_of(field))}({value})"
        return value

    def _spelling(self, field: Field, value: str) -> str:
        enum = self._contract.enum_of(field)
        table = write_table(self._contract, enum, self._message.dialect)
        if self._is_admin:
            # A value from a newer contract than this one.
            zero = spelling(enum, enum.values[0], self._message.dialect)
            return f"{table}.get({value}, {quoted(zero)})"
        native = NATIVE + field.name
        if any(f.name == native for f in self._fields):
            return f"{table}.get({value}) or message.{native} or None"
        return f"{table}.get({value})"

    # Bare messages.

    def _bare(self) -> None:
        message = self._message
        with self._body.block(f"def {writer(message)}(message: {self._type}) -> object:"):
            self._body.line(
                f'"""Return the JSON of this `{message.name}`: the bare value that is set."""'
            )
            if len(message.fields) == 1:
                self._body.line(f"return {self._expression(message.fields[0])}")
            else:
                oneof = message.oneofs[0]
                with self._body.block(f'match message.WhichOneof("{oneof.name}"):'):
                    for field in oneof.fields:
                        with self._body.block(f"case {quoted(field.name)}:"):
                            self._body.line(f"return {self._expression(field)}")
                    with self._body.block("case _:"):
                        self._body.line("return None")
        self._body.gap()

    def _as_text(self, text: Field) -> None:
        """Add the function that writes a message as a bare string where only one field is set."""
        message = self._message
        with self._body.block(f"def {bare_text(message)}(message: {self._type}) -> str | None:"):
            self._body.line(f'"""Return `{text.name}` if nothing else is set; else None."""')
            conditions = [self._is_set(f) for f in message.fields if f is not text and not f.oneof]
            if text.oneof:
                conditions.insert(0, f'message.WhichOneof("{text.oneof}") != {quoted(text.name)}')
            with self._body.block(f"if {' or '.join(conditions)}:"):
                self._body.line("return None")
            self._body.line(f"return {self._value(text, f'message.{text.name}')}")
        self._body.gap()

    def _is_set(self, field: Field) -> str:
        return (
            f'message.HasField("{field.name}")' if field.has_presence else f"message.{field.name}"
        )
