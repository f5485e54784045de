"""Writes the functions that read a message from JSON."""

from .contract import (
    DURATION,
    STRUCT,
    TIMESTAMP,
    Contract,
    ContractError,
    Dialect,
    Field,
    Kind,
    Message,
    Oneof,
)
from .json_names import filler, known, members, read_table, reader, text_field, write_table
from .naming import module
from .source import Source, quoted

# What a value must be to be taken as it is; anything else goes through the reader, which is slower and says why.
FAST = {
    Kind.STRING: "type({0}) is str",
    Kind.BOOL: "type({0}) is bool",
    Kind.DOUBLE: "type({0}) is float",
    Kind.INT32: "type({0}) is int and -0x8000_0000 <= {0} <= 0x7FFF_FFFF",
    Kind.INT64: "type({0}) is int and -0x8000_0000_0000_0000 <= {0} <= 0x7FFF_FFFF_FFFF_FFFF",
    Kind.UINT32: "type({0}) is int and 0 <= {0} <= 0xFFFF_FFFF",
    Kind.UINT64: "type({0}) is int and 0 <= {0} <= 0xFFFF_FFFF_FFFF_FFFF",
}
SLOW = {
    Kind.STRING: "text",
    Kind.BOOL: "boolean",
    Kind.BYTES: "base64_bytes",
    Kind.DOUBLE: "double",
    Kind.INT32: "int32",
    Kind.INT64: "int64",
    Kind.UINT32: "uint32",
    Kind.UINT64: "uint64",
}
WELL_KNOWN_FILLERS = {
    TIMESTAMP: "runtime.fill_timestamp",
    DURATION: "runtime.fill_duration",
    STRUCT: "runtime.fill_struct",
}
JSON_TYPES = {Kind.STRING: "str", Kind.BOOL: "bool", Kind.DOUBLE: "float"}
TYPE_NAMES = {"str": "a string", "bool": "a boolean", "float": "a number", "list": "a list"}
NATIVE = "native_"


class MessageReader:
    """Adds the readers of one message to a module."""

    def __init__(self, contract: Contract, message: Message, body: Source) -> None:
        self._contract = contract
        self._message = message
        self._body = body
        self._fields = members(contract, message)
        self._type = f"{module(message.file)}.{message.name}"

    def write(self) -> None:
        """Add the table of known members and the two functions."""
        if not self._message.is_bare:
            self._known()
        self._reader()
        self._filler()

    @property
    def _is_strict(self) -> bool:
        return self._message.dialect is Dialect.ADMIN

    @property
    def _discriminated(self) -> Oneof | None:
        return next((o for o in self._message.oneofs if o.discriminator), None)

    def _known(self) -> None:
        """Add the table of the members that the message knows, where a function needs it."""
        if not (self._is_strict or self._message.unknown):
            return
        name = known(self._message)
        oneof = self._discriminated
        plain = [f.member for f in self._fields if oneof is None or f.oneof != oneof.name]
        if oneof is None:
            self._names(name, plain)
        else:
            # By what the discriminator says: the members of the other choices are then unknown ones.
            self._body.line(f"{name}: Final[dict[str | None, frozenset[str]]] = {{")
            for choice in oneof.fields:
                names = ", ".join(map(quoted, [oneof.discriminator, choice.member, *plain]))
                self._body.line(f"    {quoted(choice.name)}: frozenset({{{names}}}),")
            none = f"frozenset({{{', '.join(map(quoted, plain))}}})" if plain else "frozenset()"
            self._body.line(f"    None: {none},")
            self._body.line("}")
        self._body.gap()

    def _names(self, name: str, names: list[str]) -> None:
        if not names:
            self._body.line(f"{name}: Final[frozenset[str]] = frozenset()")
            return
        with self._body.block(f"{name}: Final[frozenset[str]] = frozenset({{"):
            for member in names:
                self._body.line(f"{quoted(member)},")
        self._body.line("})")

    def _reader(self) -> None:
        message = self._message
        with self._body.block(
            f'def {reader(message)}(value: object, path: str = "") -> {self._type}:'
        ):
            self._body.line(
                f'"""Return the `{message.name}` that a JSON value says. Raises JsonError."""'
            )
            self._body.line(f"message = {self._type}()")
            dotted = "path" if message.is_bare else 'f"{path}." if path else ""'
            self._body.line(f"{filler(message)}(message, value, {dotted})")
            self._body.line("return message")
        self._body.gap()

    def _filler(self) -> None:
        message = self._message
        with self._body.block(
            f"def {filler(message)}(message: {self._type}, value: object, path: str) -> None:"
        ):
            if message.is_bare:
                self._body.line(
                    '"""Read a JSON value into an empty message; `path` is its place."""'
                )
                self._bare()
            else:
                self._body.line(
                    '"""Read a JSON value into an empty message; `path` is empty or ends with a dot."""'
                )
                self._object()
        self._body.gap()

    # Objects.

    def _object(self) -> None:
        with self._body.block("if not isinstance(value, dict):"):
            self._body.line('runtime.reject(path, "an object", value)')
        if self._is_held_alone():
            self._body.line("message.SetInParent()")
        done: set[str] = set()
        for field in self._fields:
            oneof = next((o for o in self._message.oneofs if o.name == field.oneof), None)
            if oneof is None or not oneof.discriminator:
                self._member(field)
            elif oneof.name not in done:
                self._choice(oneof)
            if oneof is not None and not oneof.discriminator and field is oneof.fields[-1]:
                self._exclusive(oneof)
            done.add(field.oneof)
        self._rest()

    def _is_held_alone(self) -> bool:
        """Whether a field that is not repeated holds the message, so that an empty one must be marked as set."""
        return any(
            field.type_name == self._message.full_name and not field.repeated
            for other in self._contract.messages.values()
            for field in other.fields
        )

    def _rest(self) -> None:
        """Add what happens to members that the message does not know."""
        names = known(self._message)
        if (oneof := self._discriminated) is not None:
            names = f'{names}[message.WhichOneof("{oneof.name}")]'
        unknown = self._message.unknown
        if unknown is None and not self._is_strict:
            return
        if self._discriminated is not None:
            self._body.line(f"known = {names}")
            names = "known"
        with self._body.block(f"if not {names}.issuperset(value):"):
            if unknown is not None:
                self._body.line(f"message.{unknown.name} = runtime.unknown(value, {names}, path)")
            else:
                self._body.line(f"runtime.refuse_unknown(value, {names}, path)")

    def _exclusive(self, oneof: Oneof) -> None:
        """Add the check that at most one field of a oneof is given."""
        names = ", ".join(quoted(field.member) for field in oneof.fields)
        self._body.line(f"given = [name for name in ({names}) if value.get(name) is not None]")
        with self._body.block("if len(given) > 1:"):
            self._body.line("runtime.refuse_second(given, path)")

    def _choice(self, oneof: Oneof) -> None:
        """Add the reading of a oneof whose discriminator says which field is set."""
        names = ", ".join(quoted(field.name) for field in oneof.fields)
        self._body.line(f"kind = value.get({quoted(oneof.discriminator)})")
        with self._body.block("if kind is None:"):
            self._body.line(
                f"kind = next((n for n in ({names}) if value.get(n) is not None), None)"
            )
        with self._body.block("match kind:"):
            for field in oneof.fields:
                with self._body.block(f"case {quoted(field.name)}:"):
                    self._chosen(field)
            if self._message.unknown is None:
                with self._body.block("case _:"):
                    place = f"path + {quoted(oneof.discriminator)}"
                    self._body.line(f"runtime.unknown_kind(kind, ({names}), {place})")

    def _chosen(self, field: Field) -> None:
        """Add the reading of the field that the discriminator names."""
        at = self._at(field)
        if field.is_message and not self._contract.message_of(field).fields:
            self._body.line(f"message.{field.name}.SetInParent()")
            return
        self._body.line(f"member = runtime.given(value.get({quoted(field.member)}), {at})")
        self._singular(field)

    def _member(self, field: Field) -> None:
        with self._body.block(f"if (member := value.get({quoted(field.member)})) is not None:"):
            if field.map_key is not None:
                self._map(field)
            elif field.repeated:
                self._repeated(field)
            else:
                self._singular(field)

    def _at(self, field: Field) -> str:
        """Return the expression of a member's path."""
        return f"path + {quoted(field.member)}"

    # Fields.

    def _singular(self, field: Field) -> None:
        if not field.is_message:
            self._scalar(field)
        elif field.json.text_member:
            text = text_field(self._contract, field)
            with self._body.block("if isinstance(member, str):"):
                self._body.line(
                    f"message.{field.name}.{text.name} = {self._text(text, 'member', self._at(field))}"
                )
            with self._body.block("else:"):
                self._nested(field, f"message.{field.name}", "member", quoted(field.member))
        else:
            self._nested(field, f"message.{field.name}", "member", quoted(field.member))

    def _scalar(self, field: Field) -> None:
        if field.kind is Kind.ENUM and self._message.dialect is Dialect.OPENAI:
            self._lenient_enum(field)
        else:
            self._body.line(
                f"message.{field.name} = {self._value(field, 'member', self._at(field))}"
            )

    def _lenient_enum(self, field: Field) -> None:
        """Add the reading of an enum whose unknown spellings are kept in a sibling, or lost."""
        enum = self._contract.enum_of(field)
        table = read_table(self._contract, enum, Dialect.OPENAI)
        zero = f"{module(enum.file)}.{enum.values[0].name}"
        self._body.line(
            f"message.{field.name} = {table}.get(runtime.text(member, {self._at(field)}), {zero})"
        )
        if any(other.name == NATIVE + field.name for other in self._fields):
            with self._body.block(f"if member and not message.{field.name}:"):
                self._body.line(f"message.{NATIVE}{field.name} = member")

    def _nested(self, field: Field, target: str, value: str, name: str) -> None:
        """Add the reading of one message; `name` is a literal of the member's name, with its index."""
        prefix = name[:-1] if name.endswith('"') else name
        if field.type_name in WELL_KNOWN_FILLERS:
            self._body.line(
                f"{WELL_KNOWN_FILLERS[field.type_name]}({target}, {value}, path + {name})"
            )
            return
        nested = self._contract.message_of(field)
        dot = "" if nested.is_bare else "."
        self._body.line(f'{filler(nested)}({target}, {value}, path + {prefix}{dot}")')

    def _repeated(self, field: Field) -> None:
        if field.json.text_member:
            self._list_or_text(field)
        elif not field.json.single_or_list:
            self._list(field)
        else:
            with self._body.block(f"if {self._is_list(field)}:"):
                self._list(field)
            with self._body.block("else:"):
                self._single(field)

    def _list(self, field: Field) -> None:
        """Add the reading of a list."""
        at = self._at(field)
        place = f'f"{{path}}{field.member}[{{index}}]"'
        if field.kind is Kind.DOUBLE:
            self._body.line(f"message.{field.name}.extend(runtime.doubles(member, {at}))")
        elif field.kind not in (Kind.MESSAGE, Kind.ENUM):
            read = f"runtime.{SLOW[field.kind]}"
            self._body.line(f"message.{field.name}.extend(runtime.listed({read}, member, {at}))")
        else:
            with self._body.block(f"for index, item in enumerate(runtime.items(member, {at})):"):
                if field.is_message:
                    self._item(field)
                else:
                    self._body.line(
                        f"message.{field.name}.append({self._value(field, 'item', place)})"
                    )

    def _item(self, field: Field) -> None:
        """Add the reading of one message of a list."""
        nested = self._contract.message_of(field)
        dot = "" if nested.is_bare else "."
        self._body.line(
            f'{filler(nested)}(message.{field.name}.add(), item, f"{{path}}{field.member}[{{index}}]{dot}")'
        )

    def _single(self, field: Field) -> None:
        """Add the reading of a value that stands for a list of one."""
        if field.is_message:
            self._nested(field, f"message.{field.name}.add()", "member", quoted(field.member))
        else:
            value = self._value(field, "member", self._at(field))
            self._body.line(f"message.{field.name}.append({value})")

    def _is_list(self, field: Field) -> str:
        """Return the condition on which a value is a list of values, and not one value that is a list."""
        if not field.is_message:
            return "isinstance(member, list)"
        types = json_types(self._contract.message_of(field))
        if "list" not in types:
            return "isinstance(member, list)"
        inner = f"({', '.join(types)})"
        return f"isinstance(member, list) and (not member or isinstance(member[0], {inner}))"

    def _list_or_text(self, field: Field) -> None:
        text = text_field(self._contract, field)
        with self._body.block("if isinstance(member, str):"):
            value = self._text(text, "member", self._at(field))
            self._body.line(f"message.{field.name}.add().{text.name} = {value}")
        with self._body.block("elif isinstance(member, list):"):
            with self._body.block("for index, item in enumerate(member):"):
                self._item(field)
        with self._body.block("else:"):
            self._body.line(f'runtime.reject({self._at(field)}, "a string or a list", member)')

    def _map(self, field: Field) -> None:
        if field.kind is Kind.MESSAGE:
            problem = f"{self._message.full_name}.{field.name}: maps of messages are not supported"
            raise ContractError(problem)
        place = f'f"{{path}}{field.member}.{{name}}"'
        with self._body.block(
            f"for name, item in runtime.members(member, {self._at(field)}).items():"
        ):
            key = "name"
            if field.map_key is not Kind.STRING and field.map_key is not None:
                key = f"runtime.{SLOW[field.map_key]}(name, {place})"
            self._body.line(f"message.{field.name}[{key}] = {self._value(field, 'item', place)}")

    # Values.

    def _value(self, field: Field, value: str, at: str) -> str:
        """Return the expression that reads one scalar."""
        if field.json.raw:
            return f"runtime.raw({value}, {at})"
        if field.json.money:
            return f"runtime.nano_dollars({value}, {at})"
        if field.kind is Kind.ENUM:
            return self._enum_value(field, value, at)
        slow = f"runtime.{SLOW[field.kind]}({value}, {at})"
        # Only the routes of OpenAI's dialect are in a hurry.
        fast = None if self._is_strict else FAST.get(field.kind)
        return f"{value} if {fast.format(value)} else {slow}" if fast else slow

    def _enum_value(self, field: Field, value: str, at: str) -> str:
        enum = self._contract.enum_of(field)
        dialect = self._message.dialect
        tables = (
            read_table(self._contract, enum, dialect),
            write_table(self._contract, enum, dialect),
        )
        spelled = "any_case" if dialect is Dialect.ADMIN else "spelled"
        return f"runtime.{spelled}({value}, {tables[0]}, {tables[1]}, {at})"

    def _text(self, field: Field, value: str, at: str) -> str:
        """Return the expression for a field that a bare string stands for."""
        return value if field.kind is Kind.STRING else self._enum_value(field, value, at)

    # Bare messages.

    def _bare(self) -> None:
        if self._is_held_alone():
            self._body.line("message.SetInParent()")
        fields = self._message.fields
        if len(fields) == 1 and fields[0].repeated:
            self._bare_list(fields[0])
            return
        for index, (field, json_type) in enumerate(
            zip(fields, json_types(self._message), strict=True)
        ):
            with self._body.block(f"{'elif' if index else 'if'} isinstance(value, {json_type}):"):
                if field.is_message:
                    nested = self._contract.message_of(field)
                    self._body.line(f"{filler(nested)}(message.{field.name}, value, path)")
                else:
                    self._body.line(f"message.{field.name} = value")
        with self._body.block("else:"):
            expected = " or ".join(TYPE_NAMES[name] for name in json_types(self._message))
            self._body.line(f'runtime.reject(path, "{expected}", value)')

    def _bare_list(self, field: Field) -> None:
        if field.kind is Kind.DOUBLE:
            self._body.line(f"message.{field.name}.extend(runtime.doubles(value, path))")
        else:
            read = f"runtime.{SLOW[field.kind]}"
            self._body.line(f"message.{field.name}.extend(runtime.listed({read}, value, path))")


def json_types(message: Message) -> list[str]:
    """Return the JSON types, as Python's, that the fields of a bare message have."""
    return ["list" if f.is_message or f.repeated else JSON_TYPES[f.kind] for f in message.fields]
