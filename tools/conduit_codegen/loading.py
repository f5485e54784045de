"""Reads the contract from the descriptors that protoc hands to its plugins."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import descriptor_pb2 as d
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from .contract import (
    Binding,
    Contract,
    ContractError,
    Dialect,
    Enum,
    EnumValue,
    FailureOptions,
    Field,
    File,
    JsonOptions,
    Kind,
    LimitOptions,
    Message,
    Oneof,
    Preset,
    Rpc,
    Service,
)
from .dialects import bare_messages, resolved_dialects
from .naming import noun
from .options import Comments, Options

KINDS: Mapping[int, Kind] = {
    d.FieldDescriptorProto.TYPE_STRING: Kind.STRING,
    d.FieldDescriptorProto.TYPE_BYTES: Kind.BYTES,
    d.FieldDescriptorProto.TYPE_BOOL: Kind.BOOL,
    d.FieldDescriptorProto.TYPE_INT32: Kind.INT32,
    d.FieldDescriptorProto.TYPE_INT64: Kind.INT64,
    d.FieldDescriptorProto.TYPE_UINT32: Kind.UINT32,
    d.FieldDescriptorProto.TYPE_UINT64: Kind.UINT64,
    d.FieldDescriptorProto.TYPE_DOUBLE: Kind.DOUBLE,
    d.FieldDescriptorProto.TYPE_ENUM: Kind.ENUM,
    d.FieldDescriptorProto.TYPE_MESSAGE: Kind.MESSAGE,
}
VERBS = ("get", "put", "post", "delete", "patch")

# Where descriptor.proto keeps the children of a file, a message, an enum and a service.
FILE_MESSAGES, FILE_ENUMS, FILE_SERVICES = 4, 5, 6
MESSAGE_FIELDS, MESSAGE_ONEOFS, ENUM_VALUES, SERVICE_METHODS = 2, 8, 2, 2


INTERNAL = "internal"
# Of packages whose messages are providers', so that there are neither RPCs of ours nor JSON.
UPSTREAM = "upstream"


def load(request: CodeGeneratorRequest) -> Contract:
    """Return the public contract of the files to generate. Raises ContractError."""
    contract = _Loader(request, is_internal=False).contract()
    if contract is None:
        problem = "no file of a public package to generate"
        raise ContractError(problem)
    return contract


def load_internal(request: CodeGeneratorRequest) -> Contract | None:
    """Return what only our own services say to each other. Raises ContractError."""
    return _Loader(request, is_internal=True).contract()


class _Loader:
    """Turns descriptors into the contract's plain values."""

    def __init__(self, request: CodeGeneratorRequest, *, is_internal: bool) -> None:
        wanted = set(request.file_to_generate)
        self._files = sorted(
            (
                file
                for file in request.proto_file
                if file.name in wanted
                and UPSTREAM not in file.package.split(".")
                and (INTERNAL in file.package.split(".")) == is_internal
            ),
            key=lambda file: file.name,
        )
        self._options = Options(request.proto_file)
        self._dialects = resolved_dialects(self._files, self._options)
        self._bare = bare_messages(self._files, self._options)

    def contract(self) -> Contract | None:
        """Return the contract of one package; None where none of its files is to be generated."""
        packages = {file.package for file in self._files}
        if not packages:
            return None
        if len(packages) != 1:
            problem = f"expected one package, found {sorted(packages)}"
            raise ContractError(problem)
        files = tuple(self._file(file) for file in self._files)
        return Contract(
            package=packages.pop(),
            files=files,
            messages={m.full_name: m for file in files for m in file.messages},
            enums={e.full_name: e for file in files for e in file.enums},
        )

    def _file(self, file: d.FileDescriptorProto) -> File:
        comments = Comments(file)
        if file.extension:
            # The options speak about the contract; nobody sends them.
            return File(name=file.name, noun=noun(file.name))
        return File(
            name=file.name,
            noun=noun(file.name),
            messages=tuple(
                self._message(file, m, comments, (FILE_MESSAGES, i))
                for i, m in enumerate(file.message_type)
            ),
            enums=tuple(
                self._enum(file, e, comments, (FILE_ENUMS, i)) for i, e in enumerate(file.enum_type)
            ),
            services=tuple(
                self._service(file, s, comments, (FILE_SERVICES, i))
                for i, s in enumerate(file.service)
            ),
        )

    def _message(
        self,
        file: d.FileDescriptorProto,
        message: d.DescriptorProto,
        comments: Comments,
        place: tuple[int, ...],
    ) -> Message:
        full_name = f"{file.package}.{message.name}"
        entries = {f".{full_name}.{n.name}": n for n in message.nested_type if n.options.map_entry}
        if len(entries) != len(message.nested_type) or message.enum_type:
            problem = f"{full_name} has nested types; declare them at the top"
            raise ContractError(problem)
        dialect = self._dialects[full_name]
        fields = tuple(
            self._field(message, f, dialect, entries, comments.at(*place, MESSAGE_FIELDS, i))
            for i, f in enumerate(message.field)
        )
        return Message(
            name=message.name,
            full_name=full_name,
            file=file.name,
            dialect=dialect,
            fields=tuple(sorted(fields, key=lambda f: f.number)),
            oneofs=self._oneofs(message, fields, comments, place),
            is_bare=full_name in self._bare,
            comment=comments.at(*place),
        )

    def _oneofs(
        self,
        message: d.DescriptorProto,
        fields: Iterable[Field],
        comments: Comments,
        place: tuple[int, ...],
    ) -> tuple[Oneof, ...]:
        return tuple(
            Oneof(
                name=oneof.name,
                discriminator=self._options.text(oneof, "discriminator"),
                flat=self._options.flag(oneof, "flat"),
                fields=members,
                comment=comments.at(*place, MESSAGE_ONEOFS, i),
            )
            for i, oneof in enumerate(message.oneof_decl)
            if (members := tuple(f for f in fields if f.oneof == oneof.name))
        )

    def _field(
        self,
        message: d.DescriptorProto,
        field: d.FieldDescriptorProto,
        dialect: Dialect,
        entries: Mapping[str, d.DescriptorProto],
        comment: str,
    ) -> Field:
        json = JsonOptions(**self._options.members(field, "as_json"))
        entry = entries.get(field.type_name)
        key, value = entry.field if entry else (None, field)
        repeated = field.label == field.LABEL_REPEATED and entry is None
        if value.type not in KINDS:
            problem = f"{message.name}.{field.name}: fields of its type are not supported"
            raise ContractError(problem)
        in_oneof = field.HasField("oneof_index") and not field.proto3_optional
        kind = KINDS[value.type]
        return Field(
            name=field.name,
            number=field.number,
            member=json.name or (field.name if dialect is Dialect.OPENAI else field.json_name),
            kind=kind,
            type_name=value.type_name.removeprefix("."),
            repeated=repeated,
            map_key=KINDS[key.type] if key else None,
            has_presence=entry is None
            and not repeated
            and (field.HasField("oneof_index") or kind is Kind.MESSAGE),
            is_optional=field.proto3_optional,
            oneof=message.oneof_decl[field.oneof_index].name if in_oneof else "",
            json=json,
            limits=LimitOptions(**self._options.members(field, "limits")),
            comment=comment,
        )

    def _enum(
        self,
        file: d.FileDescriptorProto,
        enum: d.EnumDescriptorProto,
        comments: Comments,
        place: tuple[int, ...],
    ) -> Enum:
        return Enum(
            name=enum.name,
            full_name=f"{file.package}.{enum.name}",
            file=file.name,
            values=tuple(
                EnumValue(
                    name=value.name,
                    number=value.number,
                    spelling=self._options.text(value, "spelling"),
                    failure=FailureOptions(**found)
                    if (found := self._options.members(value, "failure"))
                    else None,
                    refused=self._options.flag(value, "refused"),
                    comment=comments.at(*place, ENUM_VALUES, i),
                )
                for i, value in enumerate(enum.value)
            ),
            comment=comments.at(*place),
        )

    def _service(
        self,
        file: d.FileDescriptorProto,
        service: d.ServiceDescriptorProto,
        comments: Comments,
        place: tuple[int, ...],
    ) -> Service:
        return Service(
            name=service.name,
            full_name=f"{file.package}.{service.name}",
            rpcs=tuple(
                self._rpc(service.name, m, comments.at(*place, SERVICE_METHODS, i))
                for i, m in enumerate(service.method)
            ),
            comment=comments.at(*place),
        )

    def _rpc(self, service: str, method: d.MethodDescriptorProto, comment: str) -> Rpc:
        serving = self._options.members(method, "serving")
        rule = self._options.members(method, "http", package="google.api")
        rules = [rule, *rule.pop("additional_bindings", [])] if rule else []
        return Rpc(
            name=method.name,
            service=service,
            request=method.input_type.removeprefix("."),
            response=method.output_type.removeprefix("."),
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
            idempotent=method.options.idempotency_level != d.MethodOptions.IDEMPOTENCY_UNKNOWN,
            access=serving.get("access", "ACCESS_UNSPECIFIED"),
            role=serving.get("role", "ROLE_UNSPECIFIED"),
            dialect=_dialect(serving.get("dialect", "")),
            framing=serving.get("framing", "FRAMING_UNSPECIFIED"),
            success_status=serving.get("success_status", 0),
            chosen_by=serving.get("chosen_by", ""),
            chosen_by_header=serving.get("chosen_by_header", ""),
            form=serving.get("form", ""),
            start=serving.get("start", ""),
            presets=tuple(Preset(**preset) for preset in serving.get("presets", ())),
            max_body_bytes=int(serving.get("max_body_bytes", 0)),
            bindings=tuple(_binding(f"{service}.{method.name}", r) for r in rules),
            comment=comment,
        )


def _dialect(name: str) -> Dialect:
    """Return the dialect of an RPC, by the name of its value; ADMIN where it says none."""
    bare = name.removeprefix("DIALECT_")
    return Dialect(bare) if bare in Dialect.__members__ else Dialect.ADMIN


def _binding(rpc: str, rule: Mapping[str, Any]) -> Binding:
    """Return an HTTP rule as a plain value."""
    verbs = [verb for verb in VERBS if verb in rule]
    if len(verbs) != 1:
        problem = f"{rpc}: an HTTP rule must have one of {', '.join(VERBS)}"
        raise ContractError(problem)
    return Binding(
        verb=verbs[0].upper(),
        path=rule[verbs[0]],
        body=rule.get("body", ""),
        response_body=rule.get("response_body", ""),
    )
