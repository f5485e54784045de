// One instance of a provider: how it is, its keys, its limits, its models.
import { useState } from "preact/hooks";
import { call, get, pages, post } from "../api";
import { type Span, TimePlot, Timeline } from "../charts";
import { ago, count, ms, when, whenFull, words } from "../format";
import { type Notice, useLive } from "../live";
import { useLoad } from "../load";
import { go, type Place } from "../router";
import { useMay } from "../session";
import type { Health, HealthHistory, Key, KeyHealth, Mapping, Provider, RateLimit } from "../types";
import { Act, Card, Check, Choice, Confirm, Dialog, Empty, Form, Head, Show, State, Table, Text, useToast } from "../ui";

type Limits = { keyId: string; requestsPerMinute: RateLimit | null; tokensPerMinute: RateLimit | null };
type Found = { provider: Provider; health: Health; keys: Key[]; limits: Limits[]; mappings: Mapping[] };
type Outcome = { success: boolean; outcome: string; message: string; responseTime: number; models: string[]; keys: { keyId: string; outcome: string; message: string; responseTime: number | null }[] };

export function ProviderPage({ place }: { place: Place }) {
  const id = Number(place.path[1]);
  const may = useMay("Operator");
  const [asked, setAsked] = useState<"" | "edit" | "delete">("");
  const found = useLoad<Found>(async (signal) => {
    const at = `/api/providers/${id}`;
    const [provider, health, keys, limits, mappings] = await Promise.all([
      get<Provider>(at, signal), get<Health>(`${at}/health`, signal), pages<Key>(`${at}/keys`, "keys", 2000, signal),
      pages<Limits>(`${at}/rate-limits`, "rateLimits", 2000, signal), pages<Mapping>(`/api/model-provider-mappings?providerId=${id}`, "mappings", 2000, signal),
    ]);
    return { provider, health, keys, limits, mappings };
  }, [id], { every: 5000, live: true });
  return (
    <Show of={found}>
      {(data) => (
        <>
          <Head title={data.provider.name} crumb={<a href="#/providers">Providers</a>} lead={<span class="actions"><State of={data.provider.isEnabled ? data.health.status : "Disabled"} /><span>{data.provider.providerType}</span></span>}>
            {may && (
              <>
                <Act label="Check now" run={async () => { await post(`/api/providers/${id}/health/check`); found.reload(); return "Checked"; }} />
                <button type="button" onClick={() => setAsked("edit")}>Edit</button>
                <button type="button" class="danger" onClick={() => setAsked("delete")}>Delete</button>
              </>
            )}
          </Head>
          {data.health.lastError && <div class="note bad"><strong>The last failure</strong><span class="text small">{data.health.lastError}</span></div>}
          <Facts {...data} />
          <Keys {...data} may={may} reload={found.reload} />
          <History id={id} />
          <Circuit id={id} />
          <Models {...data} />
          {asked === "edit" && <Edit provider={data.provider} close={() => { setAsked(""); found.reload(); }} />}
          {asked === "delete" && (
            <Confirm title="Delete this provider?" label="Delete" close={() => setAsked("")} act={async () => { await call("DELETE", `/api/providers/${id}`, { etag: data.provider.etag }); go("providers"); }}>
              <strong class="text">{data.provider.name}</strong> and its {count(data.keys.length)} keys are gone then; requests go elsewhere, or fail.
            </Confirm>
          )}
        </>
      )}
    </Show>
  );
}

function Facts({ provider, health }: Found) {
  const details = health.healthDetails;
  return (
    <div class="grid">
      <Card title="Health">
        <dl class="facts">
          <dt>Circuit</dt><dd><State of={health.circuit} /></dd>
          <dt>Connection</dt><dd><State of={details.apiConnectivity} /></dd>
          <dt>Authentication</dt><dd><State of={details.authentication} /></dd>
          <dt>Rate limit</dt><dd><State of={details.rateLimit} /></dd>
          <dt>Models</dt><dd><State of={details.modelAvailability} /></dd>
          <dt>Response time</dt><dd>{ms(health.responseTime)}</dd>
          <dt>Last check</dt><dd>{ago(health.lastCheckTime)}</dd>
        </dl>
      </Card>
      <Card title="Configuration">
        <dl class="facts">
          <dt>Base URL</dt><dd><code>{provider.baseUrl || "the provider's own"}</code></dd>
          <dt>Priority</dt><dd>{provider.priority}</dd>
          <dt>Weight</dt><dd>{provider.weight}</dd>
          {Object.entries(provider.settings).map(([name, value]) => [<dt key={name} class="text">{name}</dt>, <dd key={`${name}=`} class="text">{value}</dd>])}
          <dt>Description</dt><dd class="text">{provider.description || <span class="muted">none</span>}</dd>
          <dt>Made</dt><dd>{whenFull(provider.createdAt)}</dd>
        </dl>
      </Card>
    </div>
  );
}

function Keys({ provider, health, keys, limits, may, reload }: Found & { may: boolean; reload: () => void }) {
  const [asked, setAsked] = useState<{ what: "add" | "rotate" | "delete"; key?: Key } | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const toast = useToast();
  const at = `/api/providers/${provider.id}/keys`;
  const healthOf = (key: Key): KeyHealth | undefined => health.keyCredentials.find((each) => each.keyId === key.id);
  const close = () => {
    setAsked(null);
    reload();
  };
  const switchKey = async (key: Key) => {
    await call("PATCH", `${at}/${key.id}`, { body: { isEnabled: !key.isEnabled }, etag: key.etag });
    reload();
    return key.isEnabled ? "The key is disabled" : "The key is enabled";
  };
  return (
    <Card title="Keys" flush actions={may && (
      <>
        <Act class="small" label="Test the keys" run={async () => { setOutcome(await post<Outcome>(`/api/providers/${provider.id}/test`)); reload(); }} />
        <button type="button" class="small" onClick={() => setAsked({ what: "add" })}>Add a key</button>
      </>
    )}>
      {outcome && <TestOutcome outcome={outcome} />}
      {keys.length ? (
        <Table label="Keys" rows={keys} id={(each) => each.id} columns={[
          { name: "Key", of: (each) => <span><span class="clip">{each.name || each.id}</span><code class="muted">{each.maskedApiKey}</code></span> },
          { name: "State", of: (each) => <span class="actions"><State of={each.isEnabled ? (healthOf(each)?.status ?? "Unknown") : "Disabled"} />{each.isRotationDue && <span class="badge warn">Rotate</span>}</span> },
          { name: "Account", of: (each) => <span class="clip">{each.providerAccountGroup || "–"}</span> },
          { name: "Requests left", num: true, of: (each) => <Left limit={limits.find((limit) => limit.keyId === each.id)?.requestsPerMinute} /> },
          { name: "Tokens left", num: true, of: (each) => <Left limit={limits.find((limit) => limit.keyId === each.id)?.tokensPerMinute} /> },
          { name: "Last used", num: true, of: (each) => when(each.lastUsed) },
          ...(may ? [{ name: "", of: (each: Key) => (
            <span class="actions">
              <button type="button" class="small" aria-label={`Rotate ${each.name || each.id}`} onClick={() => setAsked({ what: "rotate", key: each })}>Rotate</button>
              <Act class="small" label={each.isEnabled ? "Disable" : "Enable"} title={`${each.isEnabled ? "Disable" : "Enable"} ${each.name || each.id}`} run={() => switchKey(each)} />
              <button type="button" class="small danger" aria-label={`Delete ${each.name || each.id}`} onClick={() => setAsked({ what: "delete", key: each })}>Delete</button>
            </span>
          ) }] : []),
        ]} />
      ) : <Empty title="It has no key"><p>Without one, nothing is asked of it.</p></Empty>}
      {asked?.what === "add" && <AddKey at={at} close={close} />}
      {asked?.what === "rotate" && asked.key && <Rotate at={at} of={asked.key} close={() => { close(); toast("The key is rotated"); }} cancel={() => setAsked(null)} />}
      {asked?.what === "delete" && asked.key && (
        <Confirm title="Delete this key?" label="Delete" close={close} act={() => call("DELETE", `${at}/${asked.key?.id}`, { etag: asked.key?.etag })}>
          Nobody asks with <code>{asked.key.maskedApiKey}</code> any more. The provider still takes it: revoke it there as well.
        </Confirm>
      )}
    </Card>
  );
}

function Left({ limit }: { limit: RateLimit | null | undefined }) {
  if (!limit || limit.remaining === null) return <span class="muted">–</span>;
  if (!limit.limit) return <>{count(limit.remaining)}</>;
  const share = limit.remaining / limit.limit;
  return (
    <span class="nowrap" title={limit.resetsAt ? `until ${when(limit.resetsAt)}` : undefined}>
      {count(limit.remaining)} of {count(limit.limit)}
      <span class={`meter ${share < 0.1 ? "bad" : share < 0.25 ? "warn" : ""}`} aria-hidden="true"><span style={{ width: `${Math.max(1, share * 100)}%` }} /></span>
    </span>
  );
}

function TestOutcome({ outcome }: { outcome: Outcome }) {
  return (
    <div class={`note ${outcome.success ? "good" : "bad"}`} role="status" data-outcome={outcome.outcome}>
      <strong class="text">{outcome.message}</strong>
      {outcome.keys.map((each) => <span key={each.keyId} class="small text">{each.keyId}: {words(each.outcome)}{each.message && `, ${each.message}`}</span>)}
    </div>
  );
}

function AddKey({ at, close }: { at: string; close: () => void }) {
  const [apiKey, setApiKey] = useState("");
  const [name, setName] = useState("");
  const [account, setAccount] = useState("");
  return (
    <Dialog title="Add a key" close={close}>
      <Form label="Add the key" submit={async () => { await post(at, { apiKey: apiKey.trim(), ...(name && { name }), ...(account && { providerAccountGroup: account }) }); close(); }}>
        <Text label="Key" hint="The key itself, or where it is: env:NAME or file:PATH." type="password" autocomplete="off" required value={apiKey} set={setApiKey} />
        <div class="row">
          <Text label="Name" value={name} set={setName} maxLength={200} />
          <Text label="Account group" hint="Keys of one account share it, and what it costs." value={account} set={setAccount} />
        </div>
      </Form>
    </Dialog>
  );
}

function Rotate({ at, of, close, cancel }: { at: string; of: Key; close: () => void; cancel: () => void }) {
  const [apiKey, setApiKey] = useState("");
  const [grace, setGrace] = useState("300");
  return (
    <Dialog title={`Rotate ${of.name || of.id}`} close={cancel}>
      <Form label="Rotate" submit={async () => { await call("POST", `${at}/${of.id}/rotate?graceSeconds=${Number(grace) || 0}`, { body: { apiKey: apiKey.trim() } }); close(); }}>
        <p class="muted">The new key is tried first; where the provider refuses it, nothing changes.</p>
        <Text label="New key" type="password" autocomplete="off" required value={apiKey} set={setApiKey} />
        <Text label="Seconds for which the old one is still used" inputMode="numeric" pattern="[0-9]+" value={grace} set={setGrace} />
      </Form>
    </Dialog>
  );
}

const HOURS = 24;

function History({ id }: { id: number }) {
  const found = useLoad((signal) => get<HealthHistory>(`/api/providers/${id}/health/history?hours=${HOURS}&pageSize=1000`, signal), [id], { every: 15_000, live: true });
  return (
    <Show of={found}>
      {(data) => {
        const records = [...data.history].sort((a, b) => a.timestamp.localeCompare(b.timestamp));
        return (
          <div class="grid">
            <TimePlot title="Response time, 24 h" times={records.map((each) => Date.parse(each.timestamp))} format={ms} series={[{ name: "of checks", color: "var(--series-1)", values: records.map((each) => each.responseTime) }]} />
            <Card title="Checks, 24 h">
              <dl class="facts">
                <dt>Good</dt><dd>{records.length ? `${data.uptimePercentage} %` : "–"}</dd>
                <dt>p50</dt><dd>{ms(data.responseTimeP50Ms)}</dd>
                <dt>p95</dt><dd>{ms(data.responseTimeP95Ms)}</dd>
                <dt>p99</dt><dd>{ms(data.responseTimeP99Ms)}</dd>
              </dl>
              <ul class="form">
                {[...records].reverse().filter((each) => each.error).slice(0, 3).map((each) => <li key={each.timestamp} class="small"><span class="muted">{when(each.timestamp)}</span> <span class="text">{each.error}</span></li>)}
              </ul>
            </Card>
          </div>
        );
      }}
    </Show>
  );
}

function Circuit({ id }: { id: number }) {
  const { notices } = useLive();
  const to = Date.now();
  const from = to - HOURS * 3_600_000;
  const own = notices.filter((each) => each.providerId === id && each.kind.startsWith("Circuit"));
  return (
    <Card title="Circuit breaker, 24 h">
      <Timeline label="Circuit breaker" from={from} to={to} rows={[{ name: "Circuit", spans: spansOf(own, from, to) }]} />
      {own[0] && <p class="small muted"><span class="text">{own[0].message}</span> {ago(own[0].occurredAt)}.</p>}
    </Card>
  );
}

function spansOf(notices: Notice[], from: number, to: number): Span[] {
  const spans: Span[] = [];
  let since = from;
  let isOpen = false;
  for (const each of [...notices].reverse()) {
    const at = Date.parse(each.occurredAt);
    spans.push({ from: since, to: at, state: isOpen ? "bad" : "good", label: isOpen ? "open" : "closed" });
    since = at;
    isOpen = each.kind === "CircuitOpened";
  }
  spans.push({ from: since, to, state: isOpen ? "bad" : "good", label: isOpen ? "open" : "closed" });
  return spans.filter((each) => each.to > from);
}

function Models({ mappings, health }: Found) {
  const [name, setName] = useState("");
  const offered = health.availableModels.filter((each) => each.toLowerCase().includes(name.toLowerCase()));
  return (
    <div class="grid">
      <Card title="Mapped models" flush>
        {mappings.length ? (
          <Table label="Mapped models" rows={mappings} id={(each) => each.id} columns={[
            { name: "Alias", of: (each) => <a class="clip" href={`#/models?alias=${encodeURIComponent(each.modelAlias)}`}>{each.modelAlias}</a> },
            { name: "Model", of: (each) => <span class="clip">{each.actualModelName}</span> },
            { name: "State", of: (each) => <State of={each.isEnabled ? "Enabled" : "Disabled"} /> },
          ]} />
        ) : <Empty title="No alias leads here"><p>Callers reach a model by an alias that is mapped to it.</p></Empty>}
      </Card>
      <Card title={`Models that it offers (${count(health.availableModels.length)})`}>
        {health.availableModels.length > 8 && <Text label="Search" type="search" value={name} set={setName} />}
        {offered.length ? <div class="actions">{offered.slice(0, 60).map((each) => <code key={each} class="badge plain">{each}</code>)}{offered.length > 60 && <span class="muted">and {count(offered.length - 60)} more</span>}</div> : <p class="muted">{health.availableModels.length ? "None is called so." : "It did not say yet: check it."}</p>}
      </Card>
    </div>
  );
}

const ABORTED_STREAMS: [string, string][] = [
  ["AsOfType", "As is usual for its type"], ["Estimate", "What was used by then"], ["ReadToEnd", "All of it: read to the end"], ["NotCharged", "Nothing"],
];

function Edit({ provider, close }: { provider: Provider; close: () => void }) {
  const [name, setName] = useState(provider.name);
  const [description, setDescription] = useState(provider.description);
  const [baseUrl, setBaseUrl] = useState(provider.baseUrl);
  const [priority, setPriority] = useState(String(provider.priority));
  const [weight, setWeight] = useState(String(provider.weight));
  const [isEnabled, setEnabled] = useState(provider.isEnabled);
  const [abortedStreams, setAbortedStreams] = useState(provider.abortedStreams);
  const submit = async () => {
    await call("PATCH", `/api/providers/${provider.id}`, { body: { name, description, baseUrl, priority: Number(priority), weight: Number(weight), isEnabled, abortedStreams }, etag: provider.etag });
    close();
  };
  return (
    <Dialog title="Edit the provider" close={close}>
      <Form label="Save" submit={submit}>
        <Text label="Name" required value={name} set={setName} maxLength={200} />
        <Text label="Description" value={description} set={setDescription} />
        <Text label="Base URL" value={baseUrl} set={setBaseUrl} inputMode="url" />
        <div class="row">
          <Text label="Priority" hint="Lower is asked first." inputMode="numeric" pattern="[0-9]+" value={priority} set={setPriority} />
          <Text label="Weight" hint="Equal priorities share by it." inputMode="numeric" pattern="[0-9]+" value={weight} set={setWeight} />
        </div>
        <Choice label="Streams that callers leave" hint="What is charged for them." value={abortedStreams} set={setAbortedStreams} of={ABORTED_STREAMS} />
        <Check label="Enabled" value={isEnabled} set={setEnabled} />
      </Form>
    </Dialog>
  );
}
