// What models cost: the operator's own rules, and what a change of one changes.
import { useState } from "preact/hooks";
import { call, pages, post } from "../api";
import { Ranking } from "../charts";
import { count, usd, when, words } from "../format";
import { useLoad } from "../load";
import type { Place } from "../router";
import { spending } from "../series";
import { useMay } from "../session";
import type { ModelCost, Provider } from "../types";
import { Card, Choice, Confirm, Dialog, Empty, Form, Head, Show, Table, Text } from "../ui";

const KINDS = ["TokenBased", "PerRequest", "PerImage", "PerCharacter", "PerMinute", "PerSecond", "PerSearchUnit", "PerStep"];
const FIELDS = {
  modelPattern: "Models", providerId: "Provider", costCalculationType: "Counted", inputCostPer1kTokens: "Read, per 1,000 tokens", outputCostPer1kTokens: "Written, per 1,000 tokens",
  cachedInputCostPer1kTokens: "Cached, per 1,000 tokens", costPerUnit: "Per unit", priority: "Priority", effectiveFrom: "From", effectiveUntil: "Until",
} as const;
type Name = keyof typeof FIELDS;
type Draft = Record<Name, string>;

export function Prices(_: { place: Place }) {
  const mayEdit = useMay("Biller");
  const [asked, setAsked] = useState<{ what: "edit" | "delete" | "reprice"; price?: ModelCost } | null>(null);
  const found = useLoad(async (signal) => {
    const [prices, providers] = await Promise.all([pages<ModelCost>("/api/model-costs", "modelCosts", 5000, signal), pages<Provider>("/api/providers", "providers", 2000, signal)]);
    return { prices, providers };
  }, [], { every: 30_000, live: true });
  const close = () => {
    setAsked(null);
    found.reload();
  };
  return (
    <>
      <Head title="Prices" lead="Your own rules. They win over the catalog that Conduit comes with; what has no price is told as unknown, never as nothing.">
        {mayEdit && (
          <>
            <button type="button" onClick={() => setAsked({ what: "reprice" })}>Price anew</button>
            <button type="button" class="primary" onClick={() => setAsked({ what: "edit" })}>Add a price</button>
          </>
        )}
      </Head>
      <Show of={found}>
        {({ prices, providers }) => {
          const names = new Map(providers.map((each) => [each.id, each.name]));
          return (
            <>
              <Card flush>
                {prices.length ? (
                  <Table label="Prices" rows={prices} id={(each) => each.id} columns={[
                    { name: "Models", of: (each) => <code class="clip">{each.modelPattern}</code> },
                    { name: "Provider", of: (each) => <span class="clip">{each.providerId ? (names.get(each.providerId) ?? each.providerId) : "all"}</span> },
                    { name: "Counted", of: (each) => words(each.costCalculationType) },
                    { name: "Read / 1k", num: true, of: (each) => dollars(each.inputCostPer1kTokens) },
                    { name: "Written / 1k", num: true, of: (each) => dollars(each.outputCostPer1kTokens) },
                    { name: "Per unit", num: true, of: (each) => dollars(each.costPerUnit) },
                    { name: "In force", of: (each) => <span class="small">{each.effectiveFrom ? `from ${when(each.effectiveFrom)}` : "always"}{each.effectiveUntil && ` until ${when(each.effectiveUntil)}`}</span> },
                    ...(mayEdit ? [{ name: "", of: (each: ModelCost) => (
                      <span class="actions">
                        <button type="button" class="small" aria-label={`Edit the price of ${each.modelPattern}`} onClick={() => setAsked({ what: "edit", price: each })}>Edit</button>
                        <button type="button" class="small danger" aria-label={`Delete the price of ${each.modelPattern}`} onClick={() => setAsked({ what: "delete", price: each })}>Delete</button>
                      </span>
                    ) }] : []),
                  ]} />
                ) : <Empty title="There is no price of your own"><p>Models that the catalog knows are priced by it. Add a price for others, or where you pay another one.</p></Empty>}
              </Card>
              {asked?.what === "edit" && <PriceDialog of={asked.price} providers={providers} close={close} />}
              {asked?.what === "delete" && asked.price && (
                <Confirm title="Delete this price?" label="Delete" close={close} act={() => call("DELETE", `/api/model-costs/${asked.price?.id}`, { etag: asked.price?.etag })}>
                  <code>{asked.price.modelPattern}</code> costs what other rules or the catalog say then, or is unknown.
                </Confirm>
              )}
              {asked?.what === "reprice" && <Reprice close={close} />}
            </>
          );
        }}
      </Show>
      <Unpriced />
    </>
  );
}

/** What was called, and has no price. */
function Unpriced() {
  const found = useLoad((signal) => spending("model", Date.now() - 30 * 86_400_000, signal), [], { every: 30_000 });
  return (
    <Show of={found}>
      {(models) => {
        const rows = models.filter((each) => each.unpriced).map((each) => ({ name: each.name || "(none)", value: each.unpriced, href: `#/models?alias=${encodeURIComponent(each.name)}` }));
        return rows.length > 0 && <Ranking title="Calls without a price, last 30 days" format={count} none="" rows={rows} />;
      }}
    </Show>
  );
}

const dollars = (value: number | null) => (value === null ? "–" : usd(value));

function draftOf(price?: ModelCost): Draft {
  const text = (name: Name) => (price?.[name] === null || price?.[name] === undefined ? "" : String(price[name]));
  const draft = Object.fromEntries((Object.keys(FIELDS) as Name[]).map((name) => [name, text(name)])) as Draft;
  return { ...draft, costCalculationType: draft.costCalculationType || "TokenBased", providerId: draft.providerId === "0" ? "" : draft.providerId };
}

function PriceDialog({ of, providers, close }: { of?: ModelCost; providers: Provider[]; close: () => void }) {
  const [draft, setDraft] = useState(() => draftOf(of));
  const [isShown, setShown] = useState(false);
  const change = (name: Name) => (value: string) => {
    setShown(false);
    setDraft({ ...draft, [name]: value });
  };
  const before = draftOf(of);
  const changed = (Object.keys(FIELDS) as Name[]).filter((name) => draft[name] !== before[name]);
  const isTokens = draft.costCalculationType === "TokenBased";
  const submit = async () => {
    // What changes is shown before it does.
    if (!isShown) {
      setShown(true);
      return;
    }
    const valueOf = (name: Name) => (name === "modelPattern" || name === "costCalculationType" ? draft[name] : draft[name] === "" ? null : name === "providerId" || name === "priority" ? Number(draft[name]) : name.startsWith("effective") ? draft[name] : draft[name]);
    const names = of ? changed : (Object.keys(FIELDS) as Name[]).filter((name) => draft[name] !== "");
    const body = Object.fromEntries(names.map((name) => [name, valueOf(name)]));
    if (of) await call("PATCH", `/api/model-costs/${of.id}`, { body, etag: of.etag });
    else await post("/api/model-costs", body);
    close();
  };
  return (
    <Dialog title={of ? "Change the price" : "Add a price"} close={close}>
      <Form label={isShown ? "Yes, this is it" : "Show what changes"} submit={submit}>
        <Text label="Models" hint="As providers call them; * stands for any text." required value={draft.modelPattern} set={change("modelPattern")} />
        <div class="row">
          <Choice label="Provider" value={draft.providerId} set={change("providerId")} of={[["", "All"], ...providers.map((each): [string, string] => [String(each.id), each.name])]} />
          <Choice label="Counted" value={draft.costCalculationType} set={change("costCalculationType")} of={KINDS.map((each) => [each, words(each)])} />
        </div>
        {isTokens ? (
          <div class="row">
            {(["inputCostPer1kTokens", "outputCostPer1kTokens", "cachedInputCostPer1kTokens"] as const).map((name) => <Text key={name} label={FIELDS[name]} inputMode="decimal" pattern="[0-9]*\.?[0-9]*" value={draft[name]} set={change(name)} />)}
          </div>
        ) : <Text label={FIELDS.costPerUnit} inputMode="decimal" pattern="[0-9]*\.?[0-9]*" required value={draft.costPerUnit} set={change("costPerUnit")} />}
        <Text label="Priority" hint="Of several rules that fit, the highest counts." inputMode="numeric" pattern="[0-9]*" value={draft.priority} set={change("priority")} />
        {isShown && (
          <div class="card diff" role="status" aria-label="What changes">
            {changed.length ? (
              <dl class="facts">
                {changed.map((name) => [<dt key={name}>{FIELDS[name]}</dt>, <dd key={`${name}=`} class="text">{before[name] && <del>{before[name]}</del>} {draft[name] ? <ins>{draft[name]}</ins> : <em>unset</em>}</dd>])}
              </dl>
            ) : <p>Nothing.</p>}
          </div>
        )}
      </Form>
    </Dialog>
  );
}

type Repriced = { charges: number; adjustedCharges: number; beforeUsd: number; afterUsd: number; nextPageToken: string };

function Reprice({ close }: { close: () => void }) {
  const today = new Date().toISOString().slice(0, 10);
  const [from, setFrom] = useState(today);
  const [to, setTo] = useState(today);
  const [pattern, setPattern] = useState("");
  const [outcome, setOutcome] = useState<{ looked: number; changed: number; difference: number; isDry: boolean } | null>(null);
  const run = async (isDry: boolean) => {
    let token = "";
    const sum = { looked: 0, changed: 0, difference: 0, isDry };
    do {
      const page = await post<Repriced>("/api/usage/reprice", { startDate: from, endDate: to, ...(pattern && { modelPattern: pattern }), dryRun: isDry, pageSize: 1000, ...(token && { pageToken: token }) });
      sum.looked += page.charges;
      sum.changed += page.adjustedCharges;
      sum.difference += Number(page.afterUsd) - Number(page.beforeUsd);
      token = page.nextPageToken;
    } while (token);
    setOutcome(sum);
  };
  return (
    <Dialog title="Price charges anew" close={close}>
      <Form label={outcome?.isDry ? "Change them" : "See what would change"} submit={() => run(!outcome?.isDry)}>
        <p class="muted">By the prices of now. Charges stay as they are; adjustments make up the difference, in budgets and reports as well.</p>
        <div class="row">
          <Text label="First day, UTC" required pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}" value={from} set={(value) => { setOutcome(null); setFrom(value); }} />
          <Text label="Last day" required pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}" value={to} set={(value) => { setOutcome(null); setTo(value); }} />
        </div>
        <Text label="Models" hint="As providers call them; all, if left empty." value={pattern} set={(value) => { setOutcome(null); setPattern(value); }} />
        {outcome && <div class="note" role="status"><strong>{count(outcome.changed)} of {count(outcome.looked)} charges {outcome.isDry ? "would change" : "were changed"}</strong><span>by {usd(outcome.difference)}</span></div>}
      </Form>
    </Dialog>
  );
}
