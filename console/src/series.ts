// Requests of a time, gathered into equal steps of it.
import { get } from "./api";
import type { CostGroup, RequestRecord } from "./types";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
export const RANGES = {
  "15m": { label: "15 min", span: 15 * MINUTE, every: 3000 },
  "1h": { label: "1 h", span: 60 * MINUTE, every: 5000 },
  "24h": { label: "24 h", span: DAY, every: 15_000 },
  "7d": { label: "7 days", span: 7 * DAY, every: 60_000 },
  "30d": { label: "30 days", span: 30 * DAY, every: 60_000 },
};
export type RangeName = keyof typeof RANGES;

export type Bucket = {
  at: number; succeeded: number; failed: number; gone: number; inputTokens: number; outputTokens: number; cost: number;
  durations: number[]; firsts: number[];
  /** How many failed, by reason. */
  reasons: Map<string, number>;
};

const STEPS = 60;
/** The most requests that plots look at. */
const MOST = 5000;

/** The newest requests; asked for again, only those that are new are fetched. */
export class Recent {
  private known: RequestRecord[] = [];
  private reaches = Number.POSITIVE_INFINITY;

  /** Returns the newest since a time; `isCut` if there are more. */
  async since(from: number, signal: AbortSignal): Promise<{ records: RequestRecord[]; isCut: boolean }> {
    const ids = new Set(this.known.map((each) => each.id));
    const isEnough = this.reaches <= from;
    const fresh: RequestRecord[] = [];
    let token = "";
    do {
      const page = await get<{ requests: RequestRecord[]; nextPageToken: string }>(`/api/requests?pageSize=1000&since=${encodeURIComponent(new Date(from).toISOString())}${token && `&pageToken=${encodeURIComponent(token)}`}`, signal);
      const unknown = page.requests.filter((each) => !ids.has(each.id));
      fresh.push(...unknown);
      token = page.nextPageToken;
      const oldest = page.requests.at(-1);
      if (!oldest || (isEnough && unknown.length < page.requests.length) || Date.parse(oldest.startedAt) < from) break;
    } while (token && fresh.length < MOST);
    const isCut = token !== "" && fresh.length >= MOST;
    this.known = [...fresh, ...this.known].sort((a, b) => b.startedAt.localeCompare(a.startedAt)).slice(0, MOST);
    this.reaches = Math.min(this.reaches, isCut ? Date.parse(this.known.at(-1)?.startedAt ?? "") : from);
    const records = this.known.filter((each) => Date.parse(each.startedAt) >= from);
    return { records, isCut: records.length >= MOST };
  }
}

export function bucketed(records: RequestRecord[], from: number, to: number): Bucket[] {
  const step = (to - from) / STEPS;
  const buckets: Bucket[] = Array.from({ length: STEPS }, (_, i) => ({
    at: from + i * step, succeeded: 0, failed: 0, gone: 0, inputTokens: 0, outputTokens: 0, cost: 0, durations: [], firsts: [], reasons: new Map(),
  }));
  for (const each of records) {
    const bucket = buckets[Math.min(STEPS - 1, Math.floor((Date.parse(each.startedAt) - from) / step))];
    if (!bucket) continue;
    bucket[each.status === "Succeeded" ? "succeeded" : each.status === "CallerGone" ? "gone" : "failed"] += 1;
    if (each.status === "Failed") bucket.reasons.set(each.code, (bucket.reasons.get(each.code) ?? 0) + 1);
    bucket.inputTokens += each.inputTokens ?? 0;
    bucket.outputTokens += each.outputTokens ?? 0;
    bucket.cost += costOf(each) ?? 0;
    bucket.durations.push(each.durationMs);
    if (each.firstEventMs) bucket.firsts.push(each.firstEventMs);
  }
  for (const each of buckets) {
    each.durations.sort((a, b) => a - b);
    each.firsts.sort((a, b) => a - b);
  }
  return buckets;
}

/** Returns what a request cost, in dollars; null where that is unknown. */
export function costOf(record: RequestRecord): number | null {
  const cost = record.costNanoUsd;
  return cost === null || cost === undefined ? null : Number(cost);
}

export type Spending = { name: string; cost: number; tokens: number; unpriced: number };

/** Returns what Billing charged by something since a day. */
export async function spending(by: "model" | "group", from: number, signal: AbortSignal): Promise<Spending[]> {
  const start = new Date(from).toISOString().slice(0, 10);
  const found = await get<{ costBreakdown: CostGroup[] }>(`/api/usage/costs?groupBy=${by}&startDate=${start}`, signal);
  return found.costBreakdown.map((each) => ({
    name: by === "model" ? (each.modelAlias ?? "") : String(each.virtualKeyGroupId ?? 0),
    cost: Number(each.totalCost), tokens: each.inputTokens + each.outputTokens, unpriced: each.unpricedRequests,
  }));
}
