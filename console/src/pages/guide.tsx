// From nothing to a first answer, in four steps.
import { type ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { get, pages, post } from "../api";
import { usd, words } from "../format";
import { useLoad } from "../load";
import { chat, type Outcome } from "../playground";
import type { Place } from "../router";
import type { Health, Mapping, Provider, RequestRecord, VirtualKey } from "../types";
import { Act, Card, Choice, Form, Head, Secret, Show, State, Text } from "../ui";
import { costOf } from "../series";
import { ProviderForm } from "./providers";

type Found = { providers: Provider[]; mappings: Mapping[] };
type Test = { success: boolean; message: string };

export function Guide(_: { place: Place }) {
  const found = useLoad<Found>(async (signal) => {
    const [providers, mappings] = await Promise.all([pages<Provider>("/api/providers", "providers", 2000, signal), pages<Mapping>("/api/model-provider-mappings", "mappings", 5000, signal)]);
    return { providers, mappings };
  }, []);
  return (
    <>
      <Head title="First steps" lead="From a provider's key to a first answer. Without any account, choose the type Simulator: it answers as a provider would." />
      <Show of={found}>{(data) => <Steps {...data} reload={found.reload} />}</Show>
    </>
  );
}

function Steps({ providers, mappings, reload }: Found & { reload: () => void }) {
  const [chosen, setChosen] = useState<Provider | null>(null);
  const [test, setTest] = useState<Test | null>(null);
  const [alias, setAlias] = useState("");
  const [key, setKey] = useState<VirtualKey | null>(null);
  const [answer, setAnswer] = useState<{ text: string; outcome: Outcome } | null>(null);
  const provider = chosen ?? null;
  const step = !provider ? 1 : !alias ? 2 : !key ? 3 : 4;
  return (
    <Card>
      <ol class="steps">
        <Step n={1} now={step} title="Where do answers come from?" done={provider && <span class="actions"><span class="text">{provider.name}</span>{test && <State of={test.success ? "Healthy" : "Degraded"} label={test.success ? "The key works" : "The key does not work yet"} />}</span>}>
          {providers.length > 0 && <Known providers={providers} choose={(each) => { setChosen(each); void tested(each).then(setTest); }} />}
          <ProviderForm label="Add it" done={(made) => { setChosen(made); void tested(made).then(setTest); reload(); }} />
        </Step>
        <Step n={2} now={step} title="Which model, and what do callers call it?" done={alias && <code>{alias}</code>}>
          {test && !test.success && <div class="note bad" role="alert"><strong class="text">{test.message}</strong><span class="small">The provider does not take the key: <a href={`#/providers/${provider?.id}`}>give it another one</a>, or go on.</span></div>}
          {provider && <Model provider={provider} mappings={mappings.filter((each) => each.providerId === provider.id)} done={setAlias} />}
        </Step>
        <Step n={3} now={step} title="With which key do callers come?" done={key && <span>{key.name} <code>{key.keyPrefix}…</code></span>}>
          <NewKey done={setKey} />
        </Step>
        <Step n={4} now={step} title="Ask it" done={null}>
          {key?.key && (
            <>
              <Secret value={key.key} name="your secrets" />
              <Ask virtualKey={key.key} alias={alias} done={setAnswer} />
              {answer && <Answer {...answer} />}
              <p class="small muted">Any SDK of OpenAI's does the same:</p>
              <pre>{`curl ${location.origin}/v1/chat/completions \\\n  -H "Authorization: Bearer ${key.keyPrefix}…" \\\n  -H "Content-Type: application/json" \\\n  -d '{"model": "${alias}", "messages": [{"role": "user", "content": "Hello"}]}'`}</pre>
            </>
          )}
        </Step>
      </ol>
    </Card>
  );
}

const tested = (provider: Provider) => post<Test>(`/api/providers/${provider.id}/test`).catch((problem: Error): Test => ({ success: false, message: problem.message }));

function Step(props: { n: number; now: number; title: string; done: ComponentChildren; children: ComponentChildren }) {
  const isDone = props.n < props.now;
  return (
    <li class={isDone ? "step done" : props.n === props.now ? "step now" : "step"} aria-current={props.n === props.now ? "step" : undefined}>
      <span class="mark" aria-hidden="true">{isDone ? "✓" : props.n}</span>
      <div>
        <h2>{props.title}{isDone && <span class="hidden"> (done)</span>}</h2>
        {isDone ? props.done : props.n === props.now && props.children}
      </div>
    </li>
  );
}

function Known({ providers, choose }: { providers: Provider[]; choose: (provider: Provider) => void }) {
  const [id, setId] = useState(String(providers[0]?.id ?? ""));
  return (
    <>
      <Form label="Use this one" submit={async () => { const found = providers.find((each) => String(each.id) === id); if (found) choose(found); }}>
        <Choice label="One that is there" value={id} set={setId} of={providers.map((each) => [String(each.id), each.name])} />
      </Form>
      <div class="or">or a new one</div>
    </>
  );
}

function Model({ provider, mappings, done }: { provider: Provider; mappings: Mapping[]; done: (alias: string) => void }) {
  const offered = useLoad(async (signal) => (await get<Health>(`/api/providers/${provider.id}/health`, signal)).availableModels, [provider.id], { every: 2000 });
  const [model, setModel] = useState(mappings[0]?.actualModelName ?? "");
  const [alias, setAlias] = useState(mappings[0]?.modelAlias ?? "");
  const submit = async () => {
    const named = alias.trim() || model.trim();
    if (!mappings.some((each) => each.modelAlias === named && each.actualModelName === model.trim())) {
      await post("/api/model-provider-mappings", { modelAlias: named, providerId: provider.id, actualModelName: model.trim() });
    }
    done(named);
  };
  return (
    <Form label="Map it" submit={submit}>
      <div class="row">
        <Text label="Model" hint={offered.data?.length ? `It offers ${offered.data.slice(0, 4).join(", ")}${offered.data.length > 4 ? "…" : ""}` : "As the provider calls it."} required list="offered" value={model} set={setModel} />
        <Text label="Alias" hint="What callers ask for; the same, if left empty." value={alias} set={setAlias} placeholder={model} />
      </div>
      <datalist id="offered">{(offered.data ?? []).map((each) => <option key={each} value={each} />)}</datalist>
    </Form>
  );
}

function NewKey({ done }: { done: (made: VirtualKey) => void }) {
  const [name, setName] = useState("My first application");
  return (
    <Form label="Make the key" submit={async () => done(await post<VirtualKey>("/api/virtual-keys", { name: name.trim() }))}>
      <Text label="Name" required value={name} set={setName} />
    </Form>
  );
}

function Ask({ virtualKey, alias, done }: { virtualKey: string; alias: string; done: (answer: { text: string; outcome: Outcome }) => void }) {
  const [text, setText] = useState("Hello, Conduit!");
  const submit = async () => {
    let said = "";
    const outcome = await chat(virtualKey, alias, [{ role: "user", text }], (piece) => { said += piece; }, new AbortController().signal);
    done({ text: said, outcome });
  };
  return <Form label="Ask" submit={submit}><Text label="Question" required value={text} set={setText} /></Form>;
}

function Answer({ text, outcome }: { text: string; outcome: Outcome }) {
  const [record, setRecord] = useState<RequestRecord | null>(null);
  return (
    <div class="note good" data-answer>
      <strong>It works.</strong>
      <span class="said">{text}</span>
      <span class="actions">
        {!record && <Act class="small" label="What happened?" run={async () => { setRecord(await get<RequestRecord>(`/api/requests/${encodeURIComponent(outcome.requestId)}`)); }} />}
        {record && <span class="small">{words(record.status)} after {record.attemptCount} attempt at {record.providerName}, cost {usd(costOf(record))}. <a href={`#/requests/${encodeURIComponent(record.id)}`}>The whole trail</a></span>}
        <a class="small" href="#/">To the overview</a>
      </span>
    </div>
  );
}
