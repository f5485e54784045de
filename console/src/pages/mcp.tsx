// Servers of the Model Context Protocol: where they are, and who may use which of their tools.
import { useState } from "preact/hooks";
import { call, pages, post } from "../api";
import { useLoad } from "../load";
import type { Place } from "../router";
import { useMay } from "../session";
import type { Group, McpGrant, McpServer, VirtualKey } from "../types";
import { Act, Card, Check, Choice, Confirm, Dialog, Empty, Form, Head, Show, State, Table, Text } from "../ui";

type Found = { servers: McpServer[]; keys: VirtualKey[]; groups: Group[] };
type Asked = { what: "edit" | "delete"; server?: McpServer };

export function McpServers(_: { place: Place }) {
  const may = useMay("Operator");
  const [asked, setAsked] = useState<Asked | null>(null);
  const found = useLoad<Found>(async (signal) => {
    const [servers, keys, groups] = await Promise.all([
      pages<McpServer>("/api/mcp-servers", "mcpServers", 2000, signal), pages<VirtualKey>("/api/virtual-keys", "virtualKeys", 5000, signal),
      pages<Group>("/api/virtual-key-groups", "virtualKeyGroups", 5000, signal),
    ]);
    return { servers, keys, groups };
  }, [], { every: 30_000, live: true });
  const close = () => {
    setAsked(null);
    found.reload();
  };
  const flip = async (each: McpServer) => {
    await call("PATCH", `/api/mcp-servers/${each.id}`, { body: { isEnabled: !each.isEnabled }, etag: each.etag });
    found.reload();
  };
  return (
    <>
      <Head title="MCP servers" lead="Tools that callers use by way of Conduit, with their virtual keys. What is granted to nobody, nobody may use.">
        {may && <button type="button" class="primary" onClick={() => setAsked({ what: "edit" })}>Add a server</button>}
      </Head>
      <Show of={found}>
        {({ servers, keys, groups }) => (
          <>
            <Card flush>
              {servers.length ? (
                <Table label="MCP servers" rows={servers} id={(each) => each.id} columns={[
                  { name: "Path", of: (each) => <code>/mcp/{each.name}</code> },
                  { name: "URL", of: (each) => <code class="clip">{each.url}</code> },
                  { name: "Headers", of: (each) => <span class="clip">{each.headerNames.join(", ") || "none"}</span> },
                  { name: "Granted", of: (each) => <Grants of={each.grants} keys={keys} groups={groups} /> },
                  { name: "State", of: (each) => <State of={each.isEnabled ? "Enabled" : "Disabled"} /> },
                  ...(may ? [{ name: "", of: (each: McpServer) => (
                    <span class="actions">
                      <button type="button" class="small" aria-label={`Edit ${each.name}`} onClick={() => setAsked({ what: "edit", server: each })}>Edit</button>
                      <Act class="small" label={each.isEnabled ? "Disable" : "Enable"} title={`${each.isEnabled ? "Disable" : "Enable"} ${each.name}`} run={() => flip(each)} />
                      <button type="button" class="small danger" aria-label={`Delete ${each.name}`} onClick={() => setAsked({ what: "delete", server: each })}>Delete</button>
                    </span>
                  ) }] : []),
                ]} />
              ) : <Empty title="There is no MCP server"><p>Callers find the tools of one at <code>/mcp/its-name</code>, as soon as these are granted to them.</p></Empty>}
            </Card>
            {asked?.what === "edit" && <ServerDialog of={asked.server} keys={keys} groups={groups} close={close} />}
            {asked?.what === "delete" && asked.server && (
              <Confirm title="Delete this server?" label="Delete" close={close} act={() => call("DELETE", `/api/mcp-servers/${asked.server?.id}`, { etag: asked.server?.etag })}>
                Nobody finds <code>/mcp/{asked.server.name}</code> any more, and its headers are gone.
              </Confirm>
            )}
          </>
        )}
      </Show>
    </>
  );
}

type Callers = { keys: VirtualKey[]; groups: Group[] };

function Grants({ of, keys, groups }: Callers & { of: McpGrant[] }) {
  if (!of.length) return <span class="muted">nobody</span>;
  return <span class="form">{of.map((each, i) => <span key={i} class="small text">{whoOf(each, keys, groups)}: {each.tools.join(", ")}</span>)}</span>;
}

function whoOf({ virtualKeyId, groupId }: McpGrant, keys: VirtualKey[], groups: Group[]): string {
  if (virtualKeyId) return keys.find((each) => each.id === virtualKeyId)?.name ?? `key ${virtualKeyId}`;
  if (groupId) return `group ${groups.find((each) => each.id === groupId)?.name ?? groupId}`;
  return "every key";
}

/** A grant as it is being written: to whom, by `key 4`, `group 2` or nothing, and the tools. */
type Draft = { who: string; tools: string };
const EVERY_KEY: Draft = { who: "", tools: "*" };
type HeaderDraft = { name: string; value: string };

function draftOf(grant: McpGrant): Draft {
  const who = grant.virtualKeyId ? `key ${grant.virtualKeyId}` : grant.groupId ? `group ${grant.groupId}` : "";
  return { who, tools: grant.tools.join(", ") };
}

function grantOf({ who, tools }: Draft): McpGrant {
  const [kind, id] = who.split(" ");
  return { virtualKeyId: kind === "key" ? Number(id) : 0, groupId: kind === "group" ? Number(id) : 0, tools: tools.split(",").map((each) => each.trim()).filter(Boolean) };
}

function ServerDialog({ of, keys, groups, close }: Callers & { of?: McpServer; close: () => void }) {
  const [name, setName] = useState(of?.name ?? "");
  const [url, setUrl] = useState(of?.url ?? "");
  const [description, setDescription] = useState(of?.description ?? "");
  const [isEnabled, setEnabled] = useState(of?.isEnabled ?? true);
  const [areNew, setNew] = useState(!of?.headerNames.length);
  const [headers, setHeaders] = useState<HeaderDraft[]>([]);
  const [grants, setGrants] = useState<Draft[]>(of ? of.grants.map(draftOf) : [EVERY_KEY]);
  const submit = async () => {
    const given = Object.fromEntries(headers.map((each) => [each.name.trim(), each.value]));
    const body = { name: name.trim(), url: url.trim(), description, isEnabled, grants: grants.map(grantOf), ...(areNew && { headers: given }) };
    await (of ? call("PATCH", `/api/mcp-servers/${of.id}`, { body, etag: of.etag }) : post("/api/mcp-servers", body));
    close();
  };
  return (
    <Dialog title={of ? `Edit ${of.name}` : "Add an MCP server"} close={close}>
      <Form label={of ? "Save" : "Add it"} submit={submit}>
        <Text label="Name" required pattern="[a-z0-9][a-z0-9_\-]*" maxLength={64} value={name} set={setName} hint="Small letters, digits, hyphens and underscores: its place below /mcp/." />
        <Text label="URL" required inputMode="url" placeholder="https://" value={url} set={setUrl} hint="Of its endpoint of streamable HTTP." />
        <Text label="Description" value={description} set={setDescription} />
        {areNew ? <HeaderFields of={headers} set={setHeaders} /> : (
          <div class="actions"><span class="small text">It gets {of?.headerNames.join(", ")}, sealed.</span><button type="button" class="small" onClick={() => setNew(true)}>Replace them</button></div>
        )}
        <GrantFields of={grants} set={setGrants} keys={keys} groups={groups} />
        <Check label="Enabled" value={isEnabled} set={setEnabled} />
      </Form>
    </Dialog>
  );
}

function HeaderFields({ of, set }: { of: HeaderDraft[]; set: (headers: HeaderDraft[]) => void }) {
  const change = (i: number, by: Partial<HeaderDraft>) => set(of.map((each, j) => (i === j ? { ...each, ...by } : each)));
  return (
    <>
      {of.map((each, i) => (
        <div key={i} class="row">
          <Text label={`Header ${i + 1}`} required value={each.name} set={(name) => change(i, { name })} />
          <Text label={`Value of header ${i + 1}`} type="password" autocomplete="off" required value={each.value} set={(value) => change(i, { value })} hint="Kept sealed, and never shown." />
        </div>
      ))}
      <div class="actions"><button type="button" class="small" onClick={() => set([...of, { name: of.length ? "" : "authorization", value: "" }])}>Add a header that it gets</button></div>
    </>
  );
}

function GrantFields({ of, set, keys, groups }: Callers & { of: Draft[]; set: (grants: Draft[]) => void }) {
  const change = (i: number, by: Partial<Draft>) => set(of.map((each, j) => (i === j ? { ...each, ...by } : each)));
  const callers: [string, string][] = [
    ["", "Every key"], ...groups.map((each): [string, string] => [`group ${each.id}`, `Group ${each.name}`]), ...keys.map((each): [string, string] => [`key ${each.id}`, each.name]),
  ];
  return (
    <>
      {of.map((each, i) => (
        <div key={i} class="row">
          <Choice label={`Who may (${i + 1})`} value={each.who} set={(who) => change(i, { who })} of={callers} />
          <Text label={`Tools (${i + 1})`} required value={each.tools} set={(tools) => change(i, { tools })} hint="By commas; * stands for any run of characters." />
          <div class="actions"><button type="button" class="small" aria-label={`Take back grant ${i + 1}`} onClick={() => set(of.filter((_, j) => j !== i))}>Take back</button></div>
        </div>
      ))}
      <div class="actions"><button type="button" class="small" onClick={() => set([...of, EVERY_KEY])}>Grant tools</button></div>
    </>
  );
}
