// Budgets and limits, of keys and of groups: shown, and asked for.
import { useState } from "preact/hooks";
import { get } from "./api";
import { usd } from "./format";
import type { Budget, CostGroup, Limits } from "./types";
import { Check, Choice, Text } from "./ui";

const PERIODS = ["Day", "Week", "Month", "Total"];

/** When the period began that a budget is in, UTC; null for all time. */
function began(period: string, now: Date): string | null {
  const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  if (period === "Week") day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  else if (period === "Month") day.setUTCDate(1);
  else if (period !== "Day") return null;
  return day.toISOString().slice(0, 10);
}

export type Spent = Map<string, Map<number, number>>;

/** Returns what each key or group spent in each period that a budget of them has. */
export async function spent(by: "virtual-key" | "group", budgets: Budget[], signal: AbortSignal): Promise<Spent> {
  const periods = [...new Set(["Day", "Month", ...budgets.map((each) => each.period)])].filter((each) => PERIODS.includes(each));
  const found = await Promise.all(periods.map(async (period) => {
    const start = began(period, new Date());
    const costs = await get<{ costBreakdown: CostGroup[] }>(`/api/usage/costs?groupBy=${by}${start ? `&startDate=${start}` : ""}`, signal);
    return [period, new Map(costs.costBreakdown.map((each) => [(by === "group" ? each.virtualKeyGroupId : each.virtualKeyId) ?? 0, Number(each.totalCost)]))] as const;
  }));
  return new Map(found);
}

export function Budgets({ of, id, spent }: { of: Budget[]; id: number; spent: Spent }) {
  if (!of.length) return <span class="muted">none</span>;
  return (
    <span class="form">
      {of.map((each, i) => {
        const used = spent.get(each.period)?.get(id) ?? 0;
        const share = Math.min(1, used / Number(each.limitUsd));
        return (
          <span key={i} class="nowrap small">
            {spent.has(each.period) ? <>{usd(used)} of {usd(each.limitUsd)}</> : usd(each.limitUsd)} {each.period === "Total" ? "in all" : `a ${each.period.toLowerCase()}`}{each.isHard ? "" : ", soft"}
            <span class={`meter ${share >= 1 ? "bad" : share > 0.8 ? "warn" : ""}`} aria-hidden="true"><span style={{ width: `${share * 100}%` }} /></span>
          </span>
        );
      })}
    </span>
  );
}

export function LimitsOf({ of }: { of: Limits | null }) {
  const said = [
    of?.requestsPerMinute && `${of.requestsPerMinute} requests/min`, of?.tokensPerMinute && `${of.tokensPerMinute} tokens/min`,
    of?.concurrentRequests && `${of.concurrentRequests} at once`,
  ].filter(Boolean);
  return said.length ? <span class="small">{said.join(", ")}</span> : <span class="muted">none</span>;
}

export type Asked = { amount: string; period: string; isHard: boolean; requests: string; tokens: string; calls: string };

export function useAsked(of?: { budgets: Budget[]; limits: Limits | null }): [Asked, (asked: Asked) => void] {
  const first = of?.budgets[0];
  return useState<Asked>({
    amount: first ? String(first.limitUsd) : "", period: first?.period ?? "Month", isHard: first?.isHard ?? true,
    requests: of?.limits?.requestsPerMinute ? String(of.limits.requestsPerMinute) : "", tokens: of?.limits?.tokensPerMinute ? String(of.limits.tokensPerMinute) : "",
    calls: of?.limits?.concurrentRequests ? String(of.limits.concurrentRequests) : "",
  });
}

/** Returns the members of a request: the first budget as asked for, the others as they were. */
export function specOf(asked: Asked, before: Budget[] = []): object {
  const number = (text: string) => (text ? Number(text) : null);
  const rest = before.slice(1);
  const budgets = asked.amount ? [{ limitUsd: Number(asked.amount), period: asked.period, isHard: asked.isHard }, ...rest] : rest;
  return { budgets, limits: { requestsPerMinute: number(asked.requests), tokensPerMinute: number(asked.tokens), concurrentRequests: number(asked.calls) } };
}

export function BudgetFields({ asked, set }: { asked: Asked; set: (asked: Asked) => void }) {
  const change = (name: keyof Asked) => (value: string) => set({ ...asked, [name]: value });
  return (
    <>
      <div class="row">
        <Text label="Budget in US dollars" hint="None, if left empty." inputMode="decimal" pattern="[0-9]*\.?[0-9]*" value={asked.amount} set={change("amount")} />
        <Choice label="Period" value={asked.period} set={change("period")} of={PERIODS.map((each) => [each, each === "Total" ? "In all" : each])} />
      </div>
      <Check label="Hard: what may cost more than is left is refused" value={asked.isHard} set={(isHard) => set({ ...asked, isHard })} />
      <div class="row">
        <Text label="Requests a minute" inputMode="numeric" pattern="[0-9]*" value={asked.requests} set={change("requests")} />
        <Text label="Tokens a minute" inputMode="numeric" pattern="[0-9]*" value={asked.tokens} set={change("tokens")} />
        <Text label="Requests at once" inputMode="numeric" pattern="[0-9]*" value={asked.calls} set={change("calls")} />
      </div>
    </>
  );
}
