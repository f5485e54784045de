// Virtual keys and their groups: who calls, within which limits, and what it cost.
import { useState } from "preact/hooks";
import { call, pages, post } from "../api";
import { BudgetFields, Budgets, LimitsOf, type Spent, specOf, spent, useAsked } from "../budgets";
import { count, usd, whenFull } from "../format";
import { useLoad } from "../load";
import type { Place } from "../router";
import { useMay } from "../session";
import type { Group, VirtualKey } from "../types";
import { Act, Card, Check, Choice, Confirm, Dialog, Empty, Form, Head, Secret, Show, State, Table, Text } from "../ui";

type Found = { keys: VirtualKey[]; groups: Group[]; byKey: Spent; byGroup: Spent };
type Asked = { what: "key" | "group" | "rotate" | "delete"; key?: VirtualKey; group?: Group };

export function VirtualKeys({ place }: { place: Place }) {
  const only = Number(place.query.get("key") ?? 0);
  const may = useMay("Operator");
  const [search, setSearch] = useState("");
  const [asked, setAsked] = useState<Asked | null>(null);
  const found = useLoad<Found>(async (signal) => {
    const [keys, groups] = await Promise.all([pages<VirtualKey>("/api/virtual-keys", "virtualKeys", 5000, signal), pages<Group>("/api/virtual-key-groups", "virtualKeyGroups", 5000, signal)]);
    const [byKey, byGroup] = await Promise.all([spent("virtual-key", keys.flatMap((each) => each.budgets), signal), spent("group", groups.flatMap((each) => each.budgets), signal)]);
    return { keys, groups, byKey, byGroup };
  }, [], { every: 15_000, live: true });
  const close = () => {
    setAsked(null);
    found.reload();
  };
  return (
    <>
      <Head title="Virtual keys" lead="What callers send, with budgets and limits. Groups have budgets and limits of all their keys together.">
        {may && (
          <>
            <button type="button" onClick={() => setAsked({ what: "group" })}>Add a group</button>
            <button type="button" class="primary" onClick={() => setAsked({ what: "key" })}>Make a virtual key</button>
          </>
        )}
      </Head>
      <Show of={found}>
        {(data) => (
          <>
            <Groups {...data} may={may} ask={setAsked} />
            <Keys {...data} only={only} may={may} ask={setAsked} search={search} setSearch={setSearch} reload={found.reload} />
            {asked?.what === "key" && <KeyDialog groups={data.groups} of={asked.key} close={close} />}
            {asked?.what === "group" && <GroupDialog of={asked.group} close={close} />}
            {asked?.what === "rotate" && asked.key && <Rotate of={asked.key} close={close} />}
            {asked?.what === "delete" && asked.key && (
              <Confirm title="Delete this virtual key?" label="Delete" close={close} act={() => call("DELETE", `/api/virtual-keys/${asked.key?.id}`, { etag: asked.key?.etag })}>
                Whoever sends <code>{asked.key.keyPrefix}…</code> is refused from then on. What <strong>{asked.key.name}</strong> cost stays in reports.
              </Confirm>
            )}
            {asked?.what === "delete" && asked.group && (
              <Confirm title="Delete this group?" label="Delete" close={close} act={() => call("DELETE", `/api/virtual-key-groups/${asked.group?.id}`, { etag: asked.group?.etag })}>
                <strong>{asked.group.name}</strong> must have no keys any more.
              </Confirm>
            )}
          </>
        )}
      </Show>
    </>
  );
}

function Groups({ groups, keys, byGroup, may, ask }: Found & { may: boolean; ask: (asked: Asked) => void }) {
  if (!groups.length) return null;
  return (
    <Card title="Groups" flush>
      <Table label="Groups" rows={groups} id={(each) => each.id} columns={[
        { name: "Group", of: (each) => <span class="clip">{each.name}</span> },
        { name: "Keys", num: true, of: (each) => count(keys.filter((key) => key.groupId === each.id).length) },
        { name: "Budget", of: (each) => <Budgets of={each.budgets} id={each.id} spent={byGroup} /> },
        { name: "Limits", of: (each) => <LimitsOf of={each.limits} /> },
        { name: "This month", num: true, of: (each) => usd(byGroup.get("Month")?.get(each.id) ?? 0) },
        { name: "State", of: (each) => <State of={each.isEnabled ? "Enabled" : "Disabled"} /> },
        ...(may ? [{ name: "", of: (each: Group) => (
          <span class="actions">
            <button type="button" class="small" aria-label={`Edit the group ${each.name}`} onClick={() => ask({ what: "group", group: each })}>Edit</button>
            <button type="button" class="small danger" aria-label={`Delete the group ${each.name}`} onClick={() => ask({ what: "delete", group: each })}>Delete</button>
          </span>
        ) }] : []),
      ]} />
    </Card>
  );
}

/** When a key expires, or that it has: what is refused for it reaches no log. */
function Until({ at }: { at: string }) {
  const isOver = Date.parse(at) <= Date.now();
  return <span class={isOver ? "badge bad" : "small muted"}>{isOver ? `expired ${whenFull(at)}` : `until ${whenFull(at)}`}</span>;
}

type KeysProps = Found & { only: number; may: boolean; ask: (asked: Asked) => void; search: string; setSearch: (value: string) => void; reload: () => void };

function Keys({ keys, groups, only, byKey, may, ask, search, setSearch, reload }: KeysProps) {
  const names = new Map(groups.map((each) => [each.id, each.name]));
  const shown = keys.filter((each) => (!only || each.id === only) && `${each.name} ${each.keyPrefix} ${each.tags.join(" ")} ${names.get(each.groupId ?? 0) ?? ""}`.toLowerCase().includes(search.toLowerCase()));
  const flip = async (key: VirtualKey) => {
    await call("PATCH", `/api/virtual-keys/${key.id}`, { body: { isEnabled: !key.isEnabled }, etag: key.etag });
    reload();
    return key.isEnabled ? "The key is disabled, and refused" : "The key is enabled";
  };
  return (
    <Card title={`Keys (${count(keys.length)})`} flush actions={only ? <a href="#/keys">Show all</a> : keys.length > 5 && <input type="search" aria-label="Search keys" placeholder="Search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />}>
      {shown.length ? (
        <Table label="Virtual keys" rows={shown.slice(0, 200)} id={(each) => each.id} columns={[
          { name: "Name", of: (each) => <span><span class="clip">{each.name}</span><code class="muted">{each.keyPrefix}…</code></span> },
          { name: "Group", of: (each) => <span class="clip">{names.get(each.groupId ?? 0) ?? "–"}</span> },
          { name: "Budget", of: (each) => <Budgets of={each.budgets} id={each.id} spent={byKey} /> },
          { name: "Limits", of: (each) => <LimitsOf of={each.limits} /> },
          { name: "Models", of: (each) => <span class="clip">{each.allowedModels.length ? each.allowedModels.join(", ") : "all"}</span> },
          { name: "This month", num: true, of: (each) => usd(byKey.get("Month")?.get(each.id) ?? 0) },
          { name: "State", of: (each) => <span class="actions"><State of={each.isEnabled ? "Enabled" : "Disabled"} />{each.expiresAt && <Until at={each.expiresAt} />}</span> },
          ...(may ? [{ name: "", of: (each: VirtualKey) => (
            <span class="actions">
              <button type="button" class="small" aria-label={`Edit ${each.name}`} onClick={() => ask({ what: "key", key: each })}>Edit</button>
              <button type="button" class="small" aria-label={`Rotate ${each.name}`} onClick={() => ask({ what: "rotate", key: each })}>Rotate</button>
              <Act class="small" label={each.isEnabled ? "Disable" : "Enable"} title={`${each.isEnabled ? "Disable" : "Enable"} ${each.name}`} run={() => flip(each)} />
              <button type="button" class="small danger" aria-label={`Delete ${each.name}`} onClick={() => ask({ what: "delete", key: each })}>Delete</button>
            </span>
          ) }] : []),
        ]} />
      ) : <Empty title={keys.length ? "No key is called so" : "There is no virtual key yet"}><p>A virtual key lets a caller in, without any key of a provider's.</p></Empty>}
      {shown.length > 200 && <p class="muted" style={{ padding: "10px 18px" }}>{count(shown.length - 200)} more: search for them.</p>}
    </Card>
  );
}

function KeyDialog({ groups, of, close }: { groups: Group[]; of?: VirtualKey; close: () => void }) {
  const [made, setMade] = useState<VirtualKey | null>(null);
  return (
    <Dialog title={made ? "The virtual key is made" : of ? "Edit the virtual key" : "Make a virtual key"} close={close}>
      {made?.key ? (
        <>
          <Secret value={made.key} name="your secrets" />
          <div class="actions"><button type="button" class="primary" onClick={close}>Done</button></div>
        </>
      ) : <KeyForm groups={groups} of={of} done={(key) => (key ? setMade(key) : close())} />}
    </Dialog>
  );
}

function KeyForm({ groups, of, done }: { groups: Group[]; of?: VirtualKey; done: (made: VirtualKey | null) => void }) {
  const [name, setName] = useState(of?.name ?? "");
  const [group, setGroup] = useState(String(of?.groupId ?? ""));
  const [models, setModels] = useState(of?.allowedModels.join(", ") ?? "");
  const [tags, setTags] = useState(of?.tags.join(", ") ?? "");
  const [expires, setExpires] = useState(of?.expiresAt ? localOf(of.expiresAt) : "");
  const [asked, setAsked] = useAsked(of);
  const list = (text: string) => text.split(",").map((each) => each.trim()).filter(Boolean);
  const submit = async () => {
    const body = {
      name: name.trim(), allowedModels: list(models), tags: list(tags), ...specOf(asked, of?.budgets),
      ...((group || of) && { groupId: group ? Number(group) : null }), ...((expires || of) && { expiresAt: expires ? new Date(expires).toISOString() : null }),
    };
    if (of) await call("PATCH", `/api/virtual-keys/${of.id}`, { body, etag: of.etag });
    done(of ? null : await post<VirtualKey>("/api/virtual-keys", body));
  };
  return (
    <Form label={of ? "Save" : "Make the key"} submit={submit}>
      <Text label="Name" required value={name} set={setName} maxLength={200} />
      <div class="row">
        <Choice label="Group" value={group} set={setGroup} of={[["", "None"], ...groups.map((each): [string, string] => [String(each.id), each.name])]} />
        <Text label="Expires" type="datetime-local" value={expires} set={setExpires} />
      </div>
      <BudgetFields asked={asked} set={setAsked} />
      <Text label="Allowed models" hint="Aliases, parted by commas; all, if left empty." value={models} set={setModels} />
      <Text label="Tags" hint="Parted by commas; costs are told by them." value={tags} set={setTags} />
    </Form>
  );
}

function localOf(at: string): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function GroupDialog({ of, close }: { of?: Group; close: () => void }) {
  const [name, setName] = useState(of?.name ?? "");
  const [isEnabled, setEnabled] = useState(of?.isEnabled ?? true);
  const [asked, setAsked] = useAsked(of);
  const submit = async () => {
    const body = { name: name.trim(), isEnabled, ...specOf(asked, of?.budgets) };
    if (of) await call("PATCH", `/api/virtual-key-groups/${of.id}`, { body, etag: of.etag });
    else await post("/api/virtual-key-groups", body);
    close();
  };
  return (
    <Dialog title={of ? "Edit the group" : "Add a group"} close={close}>
      <Form label={of ? "Save" : "Add the group"} submit={submit}>
        <Text label="Name" required value={name} set={setName} maxLength={200} />
        <BudgetFields asked={asked} set={setAsked} />
        <Check label="Enabled" value={isEnabled} set={setEnabled} />
      </Form>
    </Dialog>
  );
}

function Rotate({ of, close }: { of: VirtualKey; close: () => void }) {
  const [grace, setGrace] = useState("3600");
  const [made, setMade] = useState<VirtualKey | null>(null);
  return (
    <Dialog title={`Rotate ${of.name}`} close={close}>
      {made?.key ? (
        <>
          <Secret value={made.key} name="your secrets" />
          <div class="actions"><button type="button" class="primary" onClick={close}>Done</button></div>
        </>
      ) : (
        <Form label="Rotate" submit={async () => setMade(await call<VirtualKey>("POST", `/api/virtual-keys/${of.id}/rotate?graceSeconds=${Number(grace) || 0}`, { body: {} }))}>
          <Text label="Seconds for which the old one is still taken" inputMode="numeric" pattern="[0-9]+" value={grace} set={setGrace} />
        </Form>
      )}
    </Dialog>
  );
}
