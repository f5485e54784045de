"""The reference of the contract: a page for each service, and one for each noun's messages."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from tools.conduit_codegen.contract import Contract, Enum, Field, File, Message, Rpc, Service
from tools.conduit_codegen.loading import load
from tools.documentation.markdown import code, facts, paragraphs, table

Page = tuple[str, str]
_CALLERS = {
    "ACCESS_VIRTUAL_KEY": "callers, by a virtual key",
    "ACCESS_ADMINISTRATOR": "administrators",
    "ACCESS_PUBLIC": "everybody",
}


def read_contract(image: Path) -> Contract:
    """Return the public contract of an image of buf's, which has the comments."""
    files = FileDescriptorSet.FromString(image.read_bytes()).file
    names = [file.name for file in files if file.name.startswith("conduit/")]
    return load(CodeGeneratorRequest(proto_file=files, file_to_generate=names))


def contract_pages(contract: Contract) -> Iterator[Page]:
    """Yield the pages with their paths below `reference/`."""
    for service in contract.services:
        yield f"{service.name}.md", _service(service, contract)
    nouns = [file for file in contract.files if file.messages or file.enums]
    for file in nouns:
        yield f"messages/{file.noun}.md", _noun(file, contract)
    rows = [
        [f"[{name}](messages/{file.noun}.md#{name.lower()})", text.split("\n")[0]]
        for file in nouns
        for name, text in [
            *((each.name, each.comment) for each in file.messages),
            *((each.name, each.comment) for each in file.enums),
        ]
    ]
    yield "messages.md", f"# Messages\n\n{table(['', ''], sorted(rows))}"


def _service(service: Service, contract: Contract) -> str:
    rpcs = "\n".join(_rpc(rpc, contract) for rpc in service.rpcs)
    return f"# {service.name}\n\n{paragraphs(service.comment)}\n\n{rpcs}"


def _rpc(rpc: Rpc, contract: Contract) -> str:
    role = rpc.role.removeprefix("ROLE_").lower()
    caller = _CALLERS[rpc.access]
    told = [
        ["Request", _streamed(rpc.request, contract, streams=rpc.client_streaming)],
        ["Answer", _streamed(rpc.response, contract, streams=rpc.server_streaming)],
        [
            "Open to",
            caller if role == "unspecified" else f"{caller}, from the role {code(role)} on",
        ],
        *(["HTTP", code(f"{bound.verb} {bound.path}")] for bound in rpc.bindings),
    ]
    request = _fields(contract.messages[rpc.request], contract, "messages/")
    head = f"## {rpc.name}\n\n{paragraphs(rpc.comment)}\n\n{facts(told)}\n"
    return f"{head}{request and f'The request:{chr(10)}{chr(10)}{request}'}"


def _streamed(name: str, contract: Contract, *, streams: bool) -> str:
    link = _link(contract.messages[name], "messages/")
    return f"stream of {link}" if streams else link


def _noun(file: File, contract: Contract) -> str:
    title = file.noun.replace("_", " ").capitalize()
    parts = [
        *(f"## {each.name}\n\n{_message(each, contract)}" for each in file.messages),
        *(f"## {each.name}\n\n{_enum(each)}" for each in file.enums),
    ]
    return f"# {title}\n\nOf {code(file.name)}.\n\n" + "\n".join(parts)


def _message(message: Message, contract: Contract) -> str:
    fields = _fields(message, contract, "")
    return f"{paragraphs(message.comment)}\n\n{fields or 'It has no fields.'}\n"


def _fields(message: Message, contract: Contract, folder: str) -> str:
    rows = [
        [
            code(field.name),
            code(field.json.header or field.member),
            _type(field, contract, folder),
            field.comment,
        ]
        for field in message.fields
    ]
    return table(["Field", "JSON", "Type", ""], rows) if rows else ""


def _type(field: Field, contract: Contract, folder: str) -> str:
    held: Message | Enum | None = contract.messages.get(field.type_name) or contract.enums.get(
        field.type_name
    )
    name = _link(held, folder) if held else field.type_name.rpartition(".")[2] or field.kind.value
    if field.map_key is not None:
        return f"map of {field.map_key.value} to {name}"
    if field.repeated:
        return f"list of {name}"
    return f"{name}, optional" if field.is_optional else name


def _link(held: Message | Enum, folder: str) -> str:
    noun = held.file.rpartition("/")[2].removesuffix(".proto")
    return f"[{held.name}]({folder}{noun}.md#{held.name.lower()})"


def _enum(enum: Enum) -> str:
    rows = [[code(value.name), code(value.spelling), value.comment] for value in enum.values]
    return f"{paragraphs(enum.comment)}\n\n{table(['Value', 'JSON', ''], rows)}\n"
