// Who changed what, and whether nobody changed that.
import { useState } from "preact/hooks";
import { get } from "../api";
import { count, when, words } from "../format";
import { useLoad } from "../load";
import { type Place, remember } from "../router";
import type { AuditEntry } from "../types";
import { Act, Card, Choice, Empty, Head, Show, Table, Text } from "../ui";

type Page = { entries: AuditEntry[]; nextPageToken: string };
type Verified = { isWhole: boolean; entries: number; lastRevision: number; problem: string | null };
const ACTIONS = ["Created", "Updated", "Deleted"];

export function Audit({ place }: { place: Place }) {
  const [filter, setFilter] = useState<Record<string, string>>(() => Object.fromEntries(place.query));
  const [verified, setVerified] = useState<Verified | null>(null);
  const [tokens, setTokens] = useState<string[]>([]);
  const at = (name: string) => filter[name] ?? "";
  const change = (name: string) => (value: string) => {
    const changed = { ...filter, [name]: value };
    setTokens([]);
    setFilter(changed);
    remember(place, changed);
  };
  const token = tokens.at(-1) ?? "";
  const found = useLoad((signal) => {
    const query = new URLSearchParams({ pageSize: "50" });
    for (const name of ["actor", "action", "resourceKind", "resourceId"]) if (at(name)) query.set(name, at(name));
    if (token) query.set("pageToken", token);
    return get<Page>(`/api/audit-log?${query}`, signal);
  }, [filter, token], { every: token ? 0 : 10_000 });
  return (
    <>
      <Head title="Audit log" lead="Who changed what, newest first. Each line has the hash of the one before it.">
        <Act label="Verify the chain" run={async () => setVerified(await get<Verified>("/api/audit-log/verification"))} />
      </Head>
      {verified && (
        <div class={`note ${verified.isWhole ? "good" : "bad"}`} role="status">
          <strong>{verified.isWhole ? "The chain is whole" : "The chain is broken"}</strong>
          <span class="text">{verified.problem ?? `${count(verified.entries)} lines, up to revision ${verified.lastRevision}.`}</span>
        </div>
      )}
      <Card>
        <div class="filters">
          <Text label="Actor" type="search" value={at("actor")} set={change("actor")} placeholder="administrator/1 anna" />
          <Choice label="Action" value={at("action")} set={change("action")} of={[["", "All"], ...ACTIONS.map((each): [string, string] => [each, each])]} />
          <Text label="Kind" type="search" value={at("resourceKind")} set={change("resourceKind")} placeholder="provider" />
          <Text label="Id" type="search" value={at("resourceId")} set={change("resourceId")} />
        </div>
      </Card>
      <Card flush>
        <Show of={found}>
          {(page) => page.entries.length ? (
            <Table label="Audit log" rows={page.entries} id={(each) => `${each.revision} ${each.hash}`} columns={[
              { name: "When", of: (each) => <span class="nowrap">{when(each.occurredAt)}</span> },
              { name: "Who", of: (each) => <span><span class="clip">{each.actor}</span><span class="small muted">{each.peer}</span></span> },
              { name: "What", of: (each) => <span class="text">{words(each.action)} {words(each.resourceKind).toLowerCase()} {each.resourceId}</span> },
              { name: "Changes", of: (each) => <Changes of={each.changes} /> },
              { name: "Revision", num: true, of: (each) => each.revision },
            ]} />
          ) : <Empty title="No line fits" />}
        </Show>
      </Card>
      <div class="actions">
        <button type="button" disabled={!tokens.length} onClick={() => setTokens(tokens.slice(0, -1))}>Newer</button>
        <button type="button" disabled={!found.data?.nextPageToken} onClick={() => found.data && setTokens([...tokens, found.data.nextPageToken])}>Older</button>
      </div>
    </>
  );
}

function Changes({ of }: { of: AuditEntry["changes"] }) {
  const changed = Object.entries(of ?? {});
  if (!changed.length) return <span class="muted">–</span>;
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return (
    <details class="diff">
      <summary>{count(changed.length)} {changed.length === 1 ? "field" : "fields"}</summary>
      <dl class="facts small">
        {changed.map(([name, { from, to }]) => [<dt key={name} class="text">{name}</dt>, <dd key={`${name}=`} class="text">{from !== null && from !== undefined && <del>{text(from)}</del>} {to !== null && to !== undefined && <ins>{text(to)}</ins>}</dd>])}
      </dl>
    </details>
  );
}
