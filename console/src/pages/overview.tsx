// How the gateway does now, and how it did.
import { useRef, useState } from "preact/hooks";
import { get, pages } from "../api";
import { Ranking, type Series, TimePlot } from "../charts";
import { count, ms, percent, percentile, usd, when, words } from "../format";
import { useLive } from "../live";
import { useLoad } from "../load";
import { type Place, remember } from "../router";
import { type Bucket, bucketed, costOf, RANGES, type RangeName, Recent, type Spending, spending } from "../series";
import type { Group, Health, Mapping, RequestRecord } from "../types";
import { Card, Empty, Head, Segments, Show, State, Table, Tile } from "../ui";

type Found = {
  records: RequestRecord[]; isCut: boolean; from: number; to: number;
  models: Spending[]; groups: Spending[]; names: Map<string, string>;
};

export function Overview({ place }: { place: Place }) {
  const [name, setName] = useState<RangeName>((place.query.get("range") as RangeName) || "1h");
  const range = RANGES[name] ?? RANGES["1h"];
  const { isConnected } = useLive();
  const recent = useRef(new Recent());
  const found = useLoad<Found>(async (signal) => {
    const to = Date.now();
    const from = to - range.span;
    const [records, models, groups, named] = await Promise.all([
      recent.current.since(from, signal), spending("model", from, signal), spending("group", from, signal),
      pages<Group>("/api/virtual-key-groups", "virtualKeyGroups", 1000, signal),
    ]);
    return { ...records, from, to, models, groups, names: new Map(named.map((each) => [String(each.id), each.name])) };
  }, [name], { every: range.every, live: true });
  const choose = (value: string) => {
    setName(value as RangeName);
    remember(place, { range: value });
  };
  return (
    <>
      <Head title="Overview" lead={<span class={isConnected ? "live on" : "live"}>{isConnected ? "Live" : "Connecting"}</span>}>
        <Segments label="Range" value={name} set={choose} of={Object.entries(RANGES).map(([value, each]) => [value, each.label])} />
      </Head>
      <Show of={found}>{(data) => <Numbers {...data} />}</Show>
      <Providers />
    </>
  );
}

function Numbers({ records, isCut, from, to, models, groups, names }: Found) {
  if (!records.length && !models.length) return <Card><Start /></Card>;
  const buckets = bucketed(records, from, to);
  const times = buckets.map((each) => each.at);
  const failed = records.filter((each) => each.status === "Failed");
  const durations = sorted(records.map((each) => each.durationMs));
  const firsts = sorted(records.flatMap((each) => each.firstEventMs ?? []));
  // Billing counts by days, requests by the moment: the shorter ranges are of what requests say.
  const isLong = to - from > 86_400_000;
  const cost = isLong ? sum(models.map((each) => each.cost)) : sum(records.map((each) => costOf(each) ?? 0));
  const unpriced = isLong ? sum(models.map((each) => each.unpriced)) : records.filter((each) => each.status === "Succeeded" && costOf(each) === null).length;
  const tokens = isLong ? sum(models.map((each) => each.tokens)) : sum(buckets.map((each) => each.inputTokens + each.outputTokens));
  const seconds = (to - from) / 1000 / buckets.length;
  const since = isLong ? "since that day" : "since the day began";
  return (
    <>
      <div class="tiles">
        <Tile name="Requests" value={`${count(records.length)}${isCut ? "+" : ""}`} note={`${(records.length / Math.max(1, (to - from) / 60_000)).toFixed(1)} a minute`} />
        <Tile name="Errors" value={count(failed.length)} note={`${percent(failed.length, records.length)} of requests`} />
        <Tile name="Latency p50" value={ms(percentile(durations, 0.5))} note={`p95 ${ms(percentile(durations, 0.95))}, p99 ${ms(percentile(durations, 0.99))}`} />
        <Tile name="First token p50" value={ms(percentile(firsts, 0.5))} note={`p95 ${ms(percentile(firsts, 0.95))}`} />
        <Tile name="Tokens" value={count(tokens)} note="read and written" />
        <Tile name="Cost" value={usd(cost)} note={unpriced ? <a href="#/prices">{count(unpriced)} without a price</a> : "all priced"} />
      </div>
      {isCut && <p class="muted small">Plots show the newest {count(records.length)} requests; rankings of cost count all.</p>}
      <div class="grid">
        <TimePlot title="Requests" kind="bars" times={times} format={count} series={outcomes(buckets)} />
        <TimePlot title="Latency" times={times} format={ms} series={percentiles(buckets, (each) => each.durations)} />
        <TimePlot title="Time to first token" times={times} format={ms} series={percentiles(buckets, (each) => each.firsts)} />
        <TimePlot title="Tokens" kind="bars" times={times} format={count} series={[
          { name: "read", color: "var(--series-1)", values: buckets.map((each) => each.inputTokens) },
          { name: "written", color: "var(--series-3)", values: buckets.map((each) => each.outputTokens) },
        ]} />
        <TimePlot title="Throughput" times={times} format={(value) => `${count(value)}/s`} series={[
          { name: "tokens read", color: "var(--series-1)", values: buckets.map((each) => each.inputTokens / seconds) },
          { name: "tokens written", color: "var(--series-3)", values: buckets.map((each) => each.outputTokens / seconds) },
        ]} />
        <TimePlot title="Cost" kind="bars" times={times} format={usd} series={[{ name: "of requests", color: "var(--series-3)", values: buckets.map((each) => each.cost) }]} />
        <TimePlot title="Errors by reason, over time" kind="bars" times={times} format={count} series={reasons(buckets)} />
        <Ranking title="Errors by reason" format={count} none="No request failed in this range." rows={tally(failed).map(([code, value]) => ({ name: words(code), value, href: `#/requests?code=${encodeURIComponent(code)}` }))} />
        <Ranking title={`Cost by model, ${since}`} format={usd} none="Nothing was charged." rows={models.map((each) => ({ name: each.name || "(none)", value: each.cost }))} />
        <Ranking title={`Cost by group, ${since}`} format={usd} none="Nothing was charged." rows={groups.map((each) => ({ name: each.name === "0" ? "Keys in no group" : (names.get(each.name) ?? `Group ${each.name}`), value: each.cost }))} />
      </div>
    </>
  );
}

function Start() {
  return (
    <Empty title="No request came in this range">
      <p>The guide leads from a provider's key to a first answer, and needs no account: the simulator answers as well.</p>
      <a class="button primary" href="#/guide">Open the guide</a>
    </Empty>
  );
}

const sorted = (values: number[]) => values.sort((a, b) => a - b);
const sum = (values: number[]) => values.reduce((all, each) => all + each, 0);

function tally(failed: RequestRecord[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const each of failed) counts.set(each.code, (counts.get(each.code) ?? 0) + 1);
  return [...counts];
}

function outcomes(buckets: Bucket[]): Series[] {
  return [
    { name: "succeeded", color: "var(--series-1)", values: buckets.map((each) => each.succeeded) },
    { name: "caller left", color: "var(--series-5)", values: buckets.map((each) => each.gone) },
    { name: "failed", color: "var(--series-6)", values: buckets.map((each) => each.failed) },
  ];
}

const COLORS = ["var(--series-6)", "var(--series-4)", "var(--series-2)", "var(--series-1)", "var(--series-5)"];

/** Returns the commonest reasons, and all others together. */
function reasons(buckets: Bucket[]): Series[] {
  const counts = new Map<string, number>();
  for (const { reasons } of buckets) for (const [code, many] of reasons) counts.set(code, (counts.get(code) ?? 0) + many);
  const commonest = [...counts].sort((a, b) => b[1] - a[1]).map(([code]) => code);
  const own = commonest.slice(0, COLORS.length - 1);
  const others = commonest.slice(own.length);
  const of = (codes: string[]) => buckets.map(({ reasons }) => codes.reduce((sum, code) => sum + (reasons.get(code) ?? 0), 0));
  const series = own.map((code, i) => ({ name: words(code), color: COLORS[i] ?? "", values: of([code]) }));
  return others.length ? [...series, { name: "others", color: COLORS.at(-1) ?? "", values: of(others) }] : series;
}

function percentiles(buckets: Bucket[], of: (bucket: Bucket) => number[]): Series[] {
  const at = (share: number) => buckets.map((each) => percentile(of(each), share));
  return [
    { name: "p50", color: "var(--series-1)", values: at(0.5) },
    { name: "p95", color: "var(--series-2)", values: at(0.95) },
    { name: "p99", color: "var(--series-4)", values: at(0.99) },
  ];
}

function Providers() {
  const found = useLoad(async (signal) => {
    const [health, mappings] = await Promise.all([
      get<{ providers: Health[] }>("/api/provider-health?pageSize=1000", signal),
      pages<Mapping>("/api/model-provider-mappings", "mappings", 5000, signal),
    ]);
    return { providers: health.providers, mappings };
  }, [], { every: 10_000, live: true });
  return (
    <Card title="Providers" flush actions={<a href="#/providers">All providers</a>}>
      <Show of={found}>
        {({ providers, mappings }) =>
          providers.length ? (
            <Table label="Providers" rows={providers.slice(0, 12)} id={(each) => each.providerId} columns={[
              { name: "Instance", of: (each) => <a class="clip" href={`#/providers/${each.providerId}`}>{each.providerName}</a> },
              { name: "Health", of: (each) => <State of={each.status} /> },
              { name: "Circuit", of: (each) => <State of={each.circuit} /> },
              { name: "Response time", num: true, of: (each) => ms(each.responseTime) },
              { name: "Models", num: true, of: (each) => count(mappings.filter((mapping) => mapping.providerId === each.providerId).length) },
              { name: "Last check", num: true, of: (each) => when(each.lastCheckTime) },
            ]} />
          ) : (
            <Empty title="There is no provider yet"><a class="button primary" href="#/guide">Add one with the guide</a></Empty>
          )
        }
      </Show>
    </Card>
  );
}
