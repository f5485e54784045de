// The last requests: which came, how they ended, and what became of each.
import { useState } from "preact/hooks";
import { ApiError, get, pages } from "../api";
import { count, ms, percent, usd, when, whenFull, words } from "../format";
import { useLoad } from "../load";
import { type Place, remember } from "../router";
import { costOf } from "../series";
import type { Attempt, Provider, RequestRecord, VirtualKey } from "../types";
import { Card, Choice, Empty, Head, Show, State, Table, Text } from "../ui";
import { DecisionTrail } from "./models";

const SHOWN = 100;
// What the server is asked for, by what the page calls it.
const FILTERS = { model: "model", status: "status", provider: "providerId", key: "virtualKeyId", group: "groupId", code: "code", id: "idPrefix", ms: "minDurationMs", usd: "minCostUsd", tag: "tag" };
const SINCE: [string, string][] = [["", "Any time"], ["3600", "The last hour"], ["86400", "The last 24 hours"], ["604800", "The last 7 days"]];
type Found = { records: RequestRecord[]; nextPageToken: string; isPartial: boolean; providers: Provider[]; keys: VirtualKey[] };

export function Requests({ place }: { place: Place }) {
  const [filter, setFilter] = useState<Record<string, string>>(() => Object.fromEntries(place.query));
  const at = (name: string) => filter[name] ?? "";
  const [tokens, setTokens] = useState<string[]>([]);
  const token = tokens.at(-1) ?? "";
  const change = (name: string) => (value: string) => {
    setTokens([]);
    const changed = { ...filter, [name]: value };
    setFilter(changed);
    remember(place, changed);
  };
  const found = useLoad<Found>(async (signal) => {
    const query = new URLSearchParams({ pageSize: String(SHOWN) });
    for (const [name, asked] of Object.entries(FILTERS)) if (at(name)) query.set(asked, at(name));
    if (at("since")) query.set("since", new Date(Date.now() - Number(at("since")) * 1000).toISOString());
    if (token) query.set("pageToken", token);
    const [list, providers, keys] = await Promise.all([
      get<{ requests: RequestRecord[]; nextPageToken: string; isPartial: boolean }>(`/api/requests?${query}`, signal),
      pages<Provider>("/api/providers", "providers", 2000, signal), pages<VirtualKey>("/api/virtual-keys", "virtualKeys", 2000, signal),
    ]);
    return { records: list.requests, nextPageToken: list.nextPageToken, isPartial: list.isPartial, providers, keys };
  }, [filter, token], { every: token ? 0 : 4000, live: !token });
  return (
    <>
      <Head title="Requests" lead="What came, newest first, failed and refused ones included." />
      <Card>
        <div class="filters">
          <Text label="Alias" type="search" value={at("model")} set={change("model")} />
          <Choice label="Outcome" value={at("status")} set={change("status")} of={[["", "All"], ["Succeeded", "Succeeded"], ["Failed", "Failed"], ["CallerGone", "Caller left"]]} />
          <Choice label="Provider" value={at("provider")} set={change("provider")} of={[["", "All"], ...(found.data?.providers ?? []).map((each): [string, string] => [String(each.id), each.name])]} />
          <Choice label="Virtual key" value={at("key")} set={change("key")} of={[["", "All"], ...(found.data?.keys ?? []).map((each): [string, string] => [String(each.id), each.name])]} />
          <Text label="Reason" type="search" value={at("code")} set={change("code")} placeholder="PROVIDER_ERROR" />
          <Text label="Id begins with" type="search" value={at("id")} set={change("id")} placeholder="req_…" />
          <Text label="Tag" type="search" value={at("tag")} set={change("tag")} />
          <Text label="At least, in ms" inputMode="numeric" pattern="[0-9]*" value={at("ms")} set={change("ms")} />
          <Text label="At least, in dollars" inputMode="decimal" pattern="[0-9]*\.?[0-9]*" value={at("usd")} set={change("usd")} />
          <Choice label="When" value={at("since")} set={change("since")} of={SINCE} />
        </div>
      </Card>
      <Show of={found}>{(data) => <List {...data} isFiltered={Object.values(filter).some(Boolean)} />}</Show>
      <div class="actions">
        <button type="button" disabled={!tokens.length} onClick={() => setTokens(tokens.slice(0, -1))}>Newer</button>
        <button type="button" disabled={!found.data?.nextPageToken} onClick={() => found.data && setTokens([...tokens, found.data.nextPageToken])}>Older</button>
      </div>
    </>
  );
}

function List({ records, isPartial, keys, isFiltered }: Found & { isFiltered: boolean }) {
  const names = new Map(keys.map((each) => [each.id, each.name]));
  return (
    <Card flush>
      {isPartial && <div class="note warn" style={{ margin: "0 18px 14px" }}>Some workers could not be asked just now.</div>}
      {records.length ? (
        <Table label="Requests" rows={records} id={(each) => each.id} columns={[
          { name: "Time", of: (each) => <a class="nowrap" href={`#/requests/${encodeURIComponent(each.id)}`} title={each.id}>{when(each.startedAt)}</a> },
          { name: "Alias", of: (each) => <span class="clip">{each.modelAlias}</span> },
          { name: "Outcome", of: (each) => <State of={each.status} label={each.code ? words(each.code) : undefined} /> },
          { name: "Provider", of: (each) => <span class="clip">{each.providerName || "–"}</span> },
          { name: "Virtual key", of: (each) => <span class="clip">{names.get(each.virtualKeyId) ?? (each.virtualKeyId || "–")}</span> },
          { name: "Attempts", num: true, of: (each) => each.attemptCount },
          { name: "Took", num: true, of: (each) => ms(each.durationMs) },
          { name: "Cost", num: true, of: (each) => (each.attemptCount ? usd(costOf(each)) : "–") },
        ]} />
      ) : <Empty title={isFiltered ? "No request fits" : "No request came yet"}>{!isFiltered && <p>As soon as somebody calls, it is here.</p>}</Empty>}
    </Card>
  );
}

export function RequestPage({ place }: { place: Place }) {
  const id = place.path[1] ?? "";
  const found = useLoad(async (signal) => {
    const record = await get<RequestRecord>(`/api/requests/${encodeURIComponent(id)}`, signal);
    return { record, name: await nameOf(record.virtualKeyId, signal) };
  }, [id]);
  return (
    <Show of={found}>
      {({ record, name }) => (
        <>
          <Head title={record.modelAlias || "Request"} crumb={<a href="#/requests">Requests</a>} lead={<span class="actions"><State of={record.status} label={record.code ? words(record.code) : undefined} /><code>{record.id}</code></span>} />
          <div class="grid">
            <Card title="What became of it">
              <dl class="facts">
                <dt>Came</dt><dd>{whenFull(record.startedAt)}</dd>
                <dt>Took</dt><dd>{ms(record.durationMs)}</dd>
                <dt>Answered</dt><dd>{record.httpStatus} {record.code && <code>{record.code}</code>}</dd>
                <dt>Operation</dt><dd>{record.operation}{record.isStreamed && ", streamed"}</dd>
                <dt>Virtual key</dt><dd>{record.virtualKeyId ? <a class="text" href={`#/keys?key=${record.virtualKeyId}`}>{name || record.virtualKeyId}</a> : "none"}</dd>
                <dt>Answered by</dt><dd class="text">{record.providerName ? <a href={`#/providers/${record.providerId}`}>{record.providerName}</a> : "nobody"} {record.actualModelName && <code>{record.actualModelName}</code>}</dd>
                <dt>Fallbacks</dt><dd>{record.fallbacks}</dd>
                <dt>Cost</dt><dd>{usd(costOf(record))}</dd>
                {record.inputTokens !== undefined && [<dt key="t">Tokens</dt>, <dd key="u">{count(record.inputTokens)} read, {count(record.outputTokens)} written</dd>]}
              </dl>
            </Card>
            <Card title="Time">
              <Waterfall record={record} />
            </Card>
          </div>
          <Card title="Attempts">
            {record.attempts.length ? (
              <ol class="trail">{record.attempts.map((each, i) => <AttemptItem key={i} of={each} n={i + 1} />)}</ol>
            ) : <p class="muted">Nobody was asked: it was refused before.</p>}
          </Card>
          {record.decisions.map((each, i) => (
            <Card key={i} title={record.decisions.length > 1 ? `Decision ${i + 1}` : "Decision"}><DecisionTrail decision={each} /></Card>
          ))}
        </>
      )}
    </Show>
  );
}

/** Returns what a virtual key is called; empty where it is no more. */
async function nameOf(key: number, signal: AbortSignal): Promise<string> {
  try {
    return key ? (await get<VirtualKey>(`/api/virtual-keys/${key}`, signal)).name : "";
  } catch (problem) {
    if (problem instanceof ApiError && problem.status === 404) return "";
    throw problem;
  }
}

function AttemptItem({ of, n }: { of: Attempt; n: number }) {
  return (
    <li class={of.code ? "bad" : "good"}>
      <strong class="text">{n}. {of.providerName} · {of.actualModelName}</strong>
      <span class="small text">
        {of.code ? words(of.code) : "Succeeded"}{of.upstreamStatus > 0 && `, status ${of.upstreamStatus}`}{of.upstreamCode && ` ${of.upstreamCode}`}
        {` · ${of.keyId} · took ${ms(of.durationMs)}`}{of.pauseMs > 0 && ` after a pause of ${ms(of.pauseMs)}`}{!of.isSent && " · never sent"}
      </span>
      {of.upstreamRequestId && <span class="small muted">The provider calls it <code>{of.upstreamRequestId}</code></span>}
    </li>
  );
}

/** When each attempt began and ended, within the whole. */
function Waterfall({ record }: { record: RequestRecord }) {
  let at = 0;
  const rows = record.attempts.map((each) => {
    const from = at + each.pauseMs;
    at = from + each.durationMs;
    return { each, from, to: at };
  });
  const most = Math.max(record.durationMs, at, 0.001);
  return (
    <ul class="bars">
      <li>
        <div class="line"><span>Whole</span><strong>{ms(record.durationMs)}</strong></div>
        <div class="track"><span style={{ width: "100%", background: "var(--series-5)" }} /></div>
      </li>
      {rows.map(({ each, from, to }, i) => (
        <li key={i}>
          <div class="line"><span class="clip">{i + 1}. {each.providerName}</span><strong class="nowrap">{ms(each.durationMs)} <span class="muted">{percent(to - from, most)}</span></strong></div>
          <div class="track"><span style={{ marginLeft: `${(100 * from) / most}%`, width: `${Math.max(0.5, (100 * (to - from)) / most)}%`, background: each.code ? "var(--series-6)" : "var(--series-1)" }} /></div>
        </li>
      ))}
    </ul>
  );
}
