// Which models callers may ask for, where each leads, and why.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, pages, post } from "../api";
import { count, words } from "../format";
import { useLoad } from "../load";
import { type Place, remember } from "../router";
import { useMay } from "../session";
import type { Chain, ChainStep, Decision, Mapping, Provider } from "../types";
import { Act, Card, Check, Choice, Confirm, Dialog, Empty, Form, Head, Problem, Show, State, Table, Text } from "../ui";

type Found = { mappings: Mapping[]; chains: Chain[]; providers: Provider[] };

const STRATEGIES = ["Weighted", "RoundRobin", "LeastBusy", "LowestLatency", "LowestCost"];

export function Models({ place }: { place: Place }) {
  const may = useMay("Operator");
  const [search, setSearch] = useState(place.query.get("alias") ?? "");
  const [asked, setAsked] = useState<"" | "mapping" | "chain">("");
  const found = useLoad<Found>(async (signal) => {
    const [mappings, chains, providers] = await Promise.all([
      pages<Mapping>("/api/model-provider-mappings", "mappings", 5000, signal), pages<Chain>("/api/fallback-chains", "fallbackChains", 5000, signal),
      pages<Provider>("/api/providers", "providers", 5000, signal),
    ]);
    return { mappings, chains, providers };
  }, [], { every: 15_000, live: true });
  const look = (value: string) => {
    setSearch(value);
    remember(place, { alias: value });
  };
  return (
    <>
      <Head title="Models" lead="Callers ask for an alias. It leads to models of providers, by priority and weight, or in the order of a chain.">
        {may && (
          <>
            <button type="button" onClick={() => setAsked("chain")}>Add a chain</button>
            <button type="button" class="primary" onClick={() => setAsked("mapping")}>Map a model</button>
          </>
        )}
      </Head>
      <Explain />
      <Show of={found}>
        {(data) => (
          <>
            <Aliases {...data} search={search} look={look} may={may} reload={found.reload} />
            {asked === "mapping" && <MappingDialog providers={data.providers} close={() => { setAsked(""); found.reload(); }} />}
            {asked === "chain" && <NewChain providers={data.providers} aliases={aliasesOf(data)} close={() => { setAsked(""); found.reload(); }} />}
          </>
        )}
      </Show>
    </>
  );
}

const aliasesOf = ({ mappings, chains }: Found) => [...new Set([...mappings.map((each) => each.modelAlias), ...chains.map((each) => each.modelAlias)])].sort();

function Aliases({ mappings, chains, providers, search, look, may, reload }: Found & { search: string; look: (value: string) => void; may: boolean; reload: () => void }) {
  const aliases = useMemo(() => aliasesOf({ mappings, chains, providers }), [mappings, chains]);
  const shown = aliases.filter((each) => each.toLowerCase().includes(search.toLowerCase()));
  if (!aliases.length) return <Card><Empty title="No model is mapped yet"><p>Map a model, so that callers can ask for it.</p></Empty></Card>;
  return (
    <>
      <div class="filters"><Text label="Search aliases" type="search" value={search} set={look} /></div>
      {!shown.length && <Card><Empty title="No alias is called so" /></Card>}
      {shown.slice(0, 50).map((alias) => (
        <Alias key={alias} alias={alias} mappings={mappings.filter((each) => each.modelAlias === alias)} chains={chains.filter((each) => each.modelAlias === alias)} providers={providers} may={may} reload={reload} />
      ))}
      {shown.length > 50 && <p class="muted">{count(shown.length - 50)} more: search for them.</p>}
    </>
  );
}

type AliasProps = { alias: string; mappings: Mapping[]; chains: Chain[]; providers: Provider[]; may: boolean; reload: () => void };

function Alias({ alias, mappings, chains, providers, may, reload }: AliasProps) {
  const [asked, setAsked] = useState<{ what: "edit" | "delete"; mapping: Mapping } | null>(null);
  const names = new Map(providers.map((each) => [each.id, each]));
  const priority = (each: Mapping) => each.priority ?? names.get(each.providerId)?.priority ?? 1;
  const weight = (each: Mapping) => each.weight ?? names.get(each.providerId)?.weight ?? 1;
  const rows = [...mappings].sort((a, b) => priority(a) - priority(b) || a.id - b.id);
  const close = () => {
    setAsked(null);
    reload();
  };
  return (
    <Card title={alias} flush>
      {rows.length > 0 && (
        <Table label={`Mappings of ${alias}`} rows={rows} id={(each) => each.id} columns={[
          { name: "Provider", of: (each) => <a class="clip" href={`#/providers/${each.providerId}`}>{names.get(each.providerId)?.name ?? each.providerId}</a> },
          { name: "Model", of: (each) => <code class="clip">{each.actualModelName}</code> },
          { name: "Priority", num: true, of: priority },
          { name: "Weight", num: true, of: (each) => <Weight value={weight(each)} all={rows.filter((other) => other.isEnabled && priority(other) === priority(each)).map(weight)} /> },
          { name: "State", of: (each) => <State of={each.isEnabled ? "Enabled" : "Disabled"} /> },
          ...(may ? [{ name: "", of: (each: Mapping) => (
            <span class="actions">
              <button type="button" class="small" aria-label={`Edit the mapping of ${alias} to ${each.actualModelName}`} onClick={() => setAsked({ what: "edit", mapping: each })}>Edit</button>
              <button type="button" class="small danger" aria-label={`Delete the mapping of ${alias} to ${each.actualModelName}`} onClick={() => setAsked({ what: "delete", mapping: each })}>Delete</button>
            </span>
          ) }] : []),
        ]} />
      )}
      {chains.map((chain) => <ChainSteps key={chain.id} chain={chain} providers={providers} may={may} reload={reload} />)}
      {asked?.what === "edit" && <MappingDialog providers={providers} of={asked.mapping} close={close} />}
      {asked?.what === "delete" && (
        <Confirm title="Delete this mapping?" label="Delete" close={close} act={() => call("DELETE", `/api/model-provider-mappings/${asked.mapping.id}`, { etag: asked.mapping.etag })}>
          Requests for <strong>{alias}</strong> do not go to {asked.mapping.actualModelName} any more.
        </Confirm>
      )}
    </Card>
  );
}

function Weight({ value, all }: { value: number; all: number[] }) {
  const sum = all.reduce((sum, each) => sum + each, 0);
  return <span class="nowrap">{value}{all.length > 1 && sum > 0 && <span class="muted"> ({Math.round((100 * value) / sum)} %)</span>}</span>;
}

function MappingDialog({ providers, of, close }: { providers: Provider[]; of?: Mapping; close: () => void }) {
  const [alias, setAlias] = useState(of?.modelAlias ?? "");
  const [provider, setProvider] = useState(String(of?.providerId ?? providers[0]?.id ?? ""));
  const [model, setModel] = useState(of?.actualModelName ?? "");
  const [priority, setPriority] = useState(of?.priority === null || !of ? "" : String(of.priority));
  const [weight, setWeight] = useState(of?.weight === null || !of ? "" : String(of.weight));
  const [isEnabled, setEnabled] = useState(of?.isEnabled ?? true);
  const submit = async () => {
    const body = {
      modelAlias: alias.trim(), providerId: Number(provider), actualModelName: model.trim() || alias.trim(), isEnabled,
      ...((priority || of) && { priority: priority ? Number(priority) : null }), ...((weight || of) && { weight: weight ? Number(weight) : null }),
    };
    if (of) await call("PATCH", `/api/model-provider-mappings/${of.id}`, { body, etag: of.etag });
    else await post("/api/model-provider-mappings", body);
    close();
  };
  return (
    <Dialog title={of ? "Edit the mapping" : "Map a model"} close={close}>
      {providers.length ? (
        <Form label={of ? "Save" : "Map it"} submit={submit}>
          <Text label="Alias" hint="What callers ask for." required value={alias} set={setAlias} maxLength={200} />
          <Choice label="Provider" value={provider} set={setProvider} of={providers.map((each) => [String(each.id), each.name])} />
          <Text label="Model" hint="As the provider calls it; the alias, if left empty." value={model} set={setModel} />
          <div class="row">
            <Text label="Priority" hint="Lower is asked first; the provider's, if left empty." inputMode="numeric" pattern="[0-9]*" value={priority} set={setPriority} />
            <Text label="Weight" hint="Equal priorities share by it; the provider's, if left empty." inputMode="numeric" pattern="[0-9]*" value={weight} set={setWeight} />
          </div>
          <Check label="Enabled" value={isEnabled} set={setEnabled} />
        </Form>
      ) : <Empty title="There is no provider yet"><a class="button primary" href="#/providers">Add a provider first</a></Empty>}
    </Dialog>
  );
}

const inOrder = (chain: Chain) => [...chain.providers].sort((a, b) => a.priority - b.priority);

/** The steps of a chain, in order: moved by the mouse, or by the arrows of each. */
function ChainSteps({ chain, providers, may, reload }: { chain: Chain; providers: Provider[]; may: boolean; reload: () => void }) {
  // What was changed here is kept while others change it: they are told of each other when one saves.
  const [base, setBase] = useState(chain);
  const [steps, setSteps] = useState<ChainStep[]>(() => inOrder(chain));
  const [over, setOver] = useState<number | null>(null);
  const [isDeleting, setDeleting] = useState(false);
  const [isAdding, setAdding] = useState(false);
  const [told, setTold] = useState("");
  const dragged = useRef<number | null>(null);
  const names = new Map(providers.map((each) => [each.id, each.name]));
  const nameOf = (step: ChainStep) => names.get(step.providerId) ?? `provider ${step.providerId}`;
  const isChanged = JSON.stringify(steps) !== JSON.stringify(inOrder(base));
  const take = (found: Chain) => {
    setBase(found);
    setSteps(inOrder(found));
  };
  useEffect(() => {
    // Asked when another one comes alone: just after a save, the list still has the one before.
    if (!isChanged && chain.etag !== base.etag) take(chain);
  }, [chain.etag]);
  const move = (from: number, to: number) => {
    if (to < 0 || to >= steps.length || from === to) return;
    const moved = [...steps];
    const [step] = moved.splice(from, 1);
    if (!step) return;
    moved.splice(to, 0, step);
    // In the order shown: no two steps share a place any more.
    setSteps(moved.map((each, i) => ({ ...each, priority: i + 1 })));
    setTold(`${nameOf(step)} is step ${to + 1} of ${steps.length} now`);
  };
  const byKey = (event: KeyboardEvent, i: number) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || !event.altKey) return;
    event.preventDefault();
    move(i, i + by);
  };
  const save = async () => {
    take(await call<Chain>("PATCH", `/api/fallback-chains/${chain.id}`, { body: { providers: steps }, etag: base.etag }));
    reload();
    return "The chain is saved, and in force";
  };
  return (
    <div>
      <div class="head" style={{ padding: "12px 18px" }}>
        <h3>Chain: {words(chain.strategy).toLowerCase()}, {chain.isEnabled ? "enabled" : "disabled"}</h3>
        {may && (
          <div class="actions">
            {isChanged && <Act class="small primary" label="Save the order" run={save} />}
            {isChanged && <button type="button" class="small" onClick={() => take(chain)}>Undo</button>}
            <button type="button" class="small" onClick={() => setAdding(true)}>Add a step</button>
            <Act class="small" label={chain.isEnabled ? "Disable" : "Enable"} title={`${chain.isEnabled ? "Disable" : "Enable"} the chain of ${chain.modelAlias}`} run={async () => { await call("PATCH", `/api/fallback-chains/${chain.id}`, { body: { isEnabled: !chain.isEnabled }, etag: chain.etag }); reload(); }} />
            <button type="button" class="small danger" onClick={() => setDeleting(true)}>Delete the chain</button>
          </div>
        )}
      </div>
      {isChanged && chain.etag !== base.etag && <div class="note warn" style={{ margin: "0 18px 12px" }}>Somebody changed this chain meanwhile. Undo shows it as it is now.</div>}
      <div class="hidden" role="status">{told}</div>
      <div class="scroll">
        <table class="stack" aria-label={`Chain of ${chain.modelAlias}`}>
          <thead><tr><th scope="col">Step</th><th scope="col">Provider</th><th scope="col">Model</th><th scope="col">After</th>{may && <th scope="col"><span class="hidden">Order</span></th>}</tr></thead>
          <tbody>
            {steps.map((step, i) => (
              <tr key={`${step.providerId} ${step.actualModelName}`} data-step={step.providerId} class={over === i ? "over" : ""} draggable={may}
                onDragStart={() => { dragged.current = i; }} onDragOver={(event) => { event.preventDefault(); setOver(i); }} onDragEnd={() => setOver(null)}
                onDrop={(event) => { event.preventDefault(); setOver(null); if (dragged.current !== null) move(dragged.current, i); }}>
                <td data-label="Step"><span class="nowrap">{may && <span class="handle" aria-hidden="true">⠿ </span>}{i + 1}{steps.some((other, j) => j !== i && other.priority === step.priority) && <span class="muted"> shares</span>}</span></td>
                <td data-label="Provider"><span class="clip">{nameOf(step)}</span></td>
                <td data-label="Model"><code class="clip">{step.actualModelName || "as mapped"}</code></td>
                <td data-label="After">{step.conditions?.length ? step.conditions.map(words).join(", ") : "any failure"}</td>
                {may && (
                  <td data-label="Order">
                    <span class="actions">
                      <button type="button" class="small" disabled={i === 0} aria-label={`Move ${nameOf(step)} up`} title="Alt+↑" onKeyDown={(event) => byKey(event, i)} onClick={() => move(i, i - 1)}>↑</button>
                      <button type="button" class="small" disabled={i === steps.length - 1} aria-label={`Move ${nameOf(step)} down`} title="Alt+↓" onKeyDown={(event) => byKey(event, i)} onClick={() => move(i, i + 1)}>↓</button>
                      <button type="button" class="small" aria-label={`Remove ${nameOf(step)}`} onClick={() => setSteps(steps.filter((_, j) => j !== i))}>Remove</button>
                    </span>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {isAdding && <AddStep providers={providers} close={() => setAdding(false)} add={(step) => setSteps([...steps, { ...step, priority: Math.max(0, ...steps.map((each) => each.priority)) + 1 }])} />}
      {isDeleting && (
        <Confirm title="Delete this chain?" label="Delete" close={() => { setDeleting(false); reload(); }} act={() => call("DELETE", `/api/fallback-chains/${chain.id}`, { etag: chain.etag })}>
          Requests for <strong>{chain.modelAlias}</strong> go by the priorities and weights of its mappings then.
        </Confirm>
      )}
    </div>
  );
}

function AddStep({ providers, add, close }: { providers: Provider[]; add: (step: Omit<ChainStep, "priority">) => void; close: () => void }) {
  const [provider, setProvider] = useState(String(providers[0]?.id ?? ""));
  const [model, setModel] = useState("");
  return (
    <Dialog title="Add a step" close={close}>
      <Form label="Add it" submit={async () => { add({ providerId: Number(provider), actualModelName: model.trim() }); close(); }}>
        <Choice label="Provider" value={provider} set={setProvider} of={providers.map((each) => [String(each.id), each.name])} />
        <Text label="Model" hint="As the provider calls it; as it is mapped, if left empty." value={model} set={setModel} />
      </Form>
    </Dialog>
  );
}

function NewChain({ providers, aliases, close }: { providers: Provider[]; aliases: string[]; close: () => void }) {
  const [alias, setAlias] = useState(aliases[0] ?? "");
  const [strategy, setStrategy] = useState("Weighted");
  const [chosen, setChosen] = useState<number[]>([]);
  const submit = async () => {
    await post("/api/fallback-chains", { modelAlias: alias, strategy, providers: chosen.map((id, i) => ({ providerId: id, priority: i + 1 })) });
    close();
  };
  return (
    <Dialog title="Add a chain" close={close}>
      <Form label="Add the chain" submit={submit}>
        <Text label="Alias" required value={alias} set={setAlias} list="aliases" />
        <datalist id="aliases">{aliases.map((each) => <option key={each} value={each} />)}</datalist>
        <Choice label="Among equal steps" value={strategy} set={setStrategy} of={STRATEGIES.map((each) => [each, words(each)])} />
        <fieldset class="form" style={{ border: 0, padding: 0, margin: 0 }}>
          <legend class="small"><strong>Providers, in the order in which they are ticked</strong></legend>
          {providers.map((each) => (
            <Check key={each.id} label={`${each.name}${chosen.includes(each.id) ? ` (step ${chosen.indexOf(each.id) + 1})` : ""}`} value={chosen.includes(each.id)} set={(is) => setChosen(is ? [...chosen, each.id] : chosen.filter((id) => id !== each.id))} />
          ))}
        </fieldset>
      </Form>
    </Dialog>
  );
}

function Explain() {
  const [model, setModel] = useState("");
  const [operation, setOperation] = useState("chat");
  const [capabilities, setCapabilities] = useState("");
  const [decision, setDecision] = useState<Decision | null>(null);
  const submit = async () => {
    setDecision(null);
    const given = capabilities.split(",").map((each) => each.trim()).filter(Boolean);
    setDecision(await post<Decision>("/api/routes/explain", { model: model.trim(), operation, ...(given.length && { capabilities: given }) }));
  };
  return (
    <Card title="Explain a request">
      <Form label="Explain" submit={submit}>
        <div class="row">
          <Text label="Alias of the request" required value={model} set={setModel} placeholder="gpt-4o" />
          <Choice label="Operation" value={operation} set={setOperation} of={["chat", "embed", "generate_image", "speak", "transcribe", "moderate", "rerank"]} />
          <Text label="Needs" hint="Such as vision, tools" value={capabilities} set={setCapabilities} />
        </div>
      </Form>
      {decision && <DecisionTrail decision={decision} />}
    </Card>
  );
}

/** Where a request may go, in order, and why not elsewhere. */
export function DecisionTrail({ decision }: { decision: Decision }) {
  if (!decision.candidates.length && !decision.rejections.length) {
    return <Problem error={{ message: "Nothing serves this", hint: "Map a model to this alias.", code: "", requestId: "" } as never} />;
  }
  return (
    <ol class="trail" aria-label="Decision">
      {decision.candidates.map((each, i) => (
        <li key={`c${i}`} class="good">
          <strong class="text">{i + 1}. {each.providerName}</strong>
          <span class="small text">{each.actualModelName} · priority {each.priority} · weight {each.weight} · {each.keyIds.length === 1 ? each.keyIds[0] : `${each.keyIds.length} keys`}</span>
        </li>
      ))}
      {decision.rejections.map((each, i) => (
        <li key={`r${i}`} class="bad skipped">
          <strong class="text">Not {each.providerName || `provider ${each.providerId}`}{each.keyId && `, ${each.keyId}`}</strong>
          <span class="small text">{words(each.reason)}{each.detail && `: ${each.detail}`}</span>
        </li>
      ))}
      <li class="small muted">{words(decision.strategy)} · revision {decision.revision} · seed {String(decision.seed)}</li>
    </ol>
  );
}
