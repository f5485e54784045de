// Try models as a caller does: several side by side, pictures, speech, recordings, live voice.
import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, post } from "../api";
import { ms } from "../format";
import { asError } from "../load";
import { chat, image, models, type Outcome, type Said, speech, transcription } from "../playground";
import type { Place } from "../router";
import { useMay } from "../session";
import type { VirtualKey } from "../types";
import { Act, Card, Choice, Empty, Field, Form, Head, Problem, Segments, Text } from "../ui";
import { Voice } from "./voice";

const MOST_LANES = 4;
// In this tab alone, and gone with it.
const KEPT = "conduit-playground-key";
const HOURS = 8;

export function Playground({ place }: { place: Place }) {
  const [key, setKey] = useState(() => sessionStorage.getItem(KEPT) ?? "");
  const [known, setKnown] = useState<string[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [kind, setKind] = useState(place.query.get("kind") ?? "chat");
  const use = async (value: string) => {
    setError(null);
    try {
      setKnown(await models(value));
      setKey(value);
      sessionStorage.setItem(KEPT, value);
    } catch (problem) {
      sessionStorage.removeItem(KEPT);
      setKnown(null);
      setError(asError(problem));
    }
  };
  useEffect(() => void (key && use(key)), []);
  const forget = () => {
    sessionStorage.removeItem(KEPT);
    setKey("");
    setKnown(null);
  };
  return (
    <>
      <Head title="Playground" lead="Calls are a caller's: with a virtual key, within its budgets and limits, and charged to it.">
        {known && <button type="button" onClick={forget}>Use another key</button>}
      </Head>
      {error && <Problem error={error} />}
      {known ? (
        <>
          <Segments label="Kind" value={kind} set={setKind} of={[["chat", "Chat"], ["image", "Image"], ["speech", "Speech"], ["transcription", "Transcription"], ["voice", "Live voice"]]} />
          {known.length ? <Kind kind={kind} virtualKey={key} models={known} /> : <Card><Empty title="This key may use no model"><p><a href="#/models">Map a model</a> first.</p></Empty></Card>}
        </>
      ) : <AskForKey use={use} />}
    </>
  );
}

function AskForKey({ use }: { use: (key: string) => Promise<void> }) {
  const may = useMay("Operator");
  const [value, setValue] = useState("");
  const make = async () => {
    const expiresAt = new Date(Date.now() + HOURS * 3_600_000).toISOString();
    const made = await post<VirtualKey>("/api/virtual-keys", { name: `Playground ${new Date().toISOString().slice(0, 19)}`, expiresAt, tags: ["playground"] });
    await use(made.key ?? "");
  };
  return (
    <Card title="As which virtual key?">
      <Form label="Use it" submit={() => use(value.trim())} extra={may && <Act label={`Make one for ${HOURS} hours`} run={make} />}>
        <Text label="Virtual key" type="password" autocomplete="off" required placeholder="condt_…" value={value} set={setValue} hint="It is kept in this tab, and nowhere else." />
      </Form>
    </Card>
  );
}

function Kind({ kind, virtualKey, models }: { kind: string; virtualKey: string; models: string[] }) {
  if (kind === "image") return <Image virtualKey={virtualKey} models={models} />;
  if (kind === "speech") return <Speech virtualKey={virtualKey} models={models} />;
  if (kind === "transcription") return <Transcription virtualKey={virtualKey} models={models} />;
  if (kind === "voice") return <Voice virtualKey={virtualKey} models={models} />;
  return <Chats virtualKey={virtualKey} models={models} />;
}

type Lane = { id: number; model: string; talk: Said[]; outcome: Outcome | null; error: ApiError | null; isBusy: boolean };
const laneOf = (id: number, model: string): Lane => ({ id, model, talk: [], outcome: null, error: null, isBusy: false });

function Chats({ virtualKey, models }: { virtualKey: string; models: string[] }) {
  const [lanes, setLanes] = useState<Lane[]>(() => models.slice(0, 2).map((model, i) => laneOf(i, model)));
  const [text, setText] = useState("");
  const next = useRef(MOST_LANES);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const change = (id: number, by: (lane: Lane) => Partial<Lane>) => setLanes((all) => all.map((each) => (each.id === id ? { ...each, ...by(each) } : each)));
  const isBusy = lanes.some((each) => each.isBusy);
  const ask = async (lane: Lane, said: string) => {
    const talk: Said[] = [...lane.talk, { role: "user", text: said }];
    change(lane.id, () => ({ talk: [...talk, { role: "assistant", text: "" }], isBusy: true, error: null, outcome: null }));
    const tell = (piece: string) => change(lane.id, (now) => ({ talk: now.talk.map((each, i) => (i === now.talk.length - 1 ? { ...each, text: each.text + piece } : each)) }));
    try {
      const outcome = await chat(virtualKey, lane.model, talk, tell, stop.current.signal);
      change(lane.id, () => ({ outcome }));
    } catch (problem) {
      // What was not answered is asked again, not kept.
      if (!stop.current.signal.aborted) change(lane.id, (now) => ({ error: asError(problem), talk: now.talk.at(-1)?.text ? now.talk : lane.talk }));
    } finally {
      change(lane.id, () => ({ isBusy: false }));
    }
  };
  const send = async () => {
    stop.current = new AbortController();
    const said = text;
    setText("");
    await Promise.all(lanes.map((lane) => ask(lane, said)));
  };
  return (
    <>
      <div class="lanes">
        {lanes.map((lane, i) => (
          <section key={lane.id} class="lane" aria-label={`Model ${i + 1}`} data-lane={lane.model}>
            <div class="head">
              <Choice label={`Model ${i + 1}`} value={lane.model} set={(model) => change(lane.id, () => ({ model, talk: [], outcome: null, error: null }))} of={models} />
              {lanes.length > 1 && <button type="button" class="icon quiet" aria-label={`Close model ${i + 1}`} onClick={() => setLanes(lanes.filter((each) => each.id !== lane.id))}>✕</button>}
            </div>
            <div class="talk" tabIndex={0} role="log" aria-label={`Answers of model ${i + 1}`} aria-live="polite">
              {!lane.talk.length && !lane.error && <span class="muted">Nothing was said yet.</span>}
              {lane.talk.map((each, j) => <div key={j} class={`said ${each.role}`}>{each.text || (lane.isBusy && j === lane.talk.length - 1 ? "…" : "")}</div>)}
              {lane.error && <Problem error={lane.error} />}
            </div>
            <Told outcome={lane.outcome} />
          </section>
        ))}
      </div>
      <Card>
        <Form label={isBusy ? "Answering…" : "Send"} submit={send} extra={
          <>
            {isBusy && <button type="button" onClick={() => stop.current.abort()}>Stop</button>}
            {lanes.length < MOST_LANES && <button type="button" onClick={() => setLanes([...lanes, laneOf(next.current++, models[lanes.length % models.length] ?? "")])}>Add a model</button>}
            <button type="button" onClick={() => setLanes(lanes.map((each) => laneOf(next.current++, each.model)))}>Clear</button>
          </>
        }>
          <Field label="Message" hint="Ctrl+Enter sends it.">
            {(id, hintId) => (
              <textarea id={id} aria-describedby={hintId} required value={text} dir="auto" onInput={(event) => setText(event.currentTarget.value)}
                onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit(); }} />
            )}
          </Field>
        </Form>
      </Card>
    </>
  );
}

function Told({ outcome }: { outcome: Outcome | null }) {
  if (!outcome) return <div class="small muted">–</div>;
  return (
    <div class="small muted actions" data-told>
      {outcome.firstMs !== null && <span>first token {ms(outcome.firstMs)}</span>}
      <span>{ms(outcome.totalMs)}</span>
      {outcome.tokens !== null && <span>{outcome.tokens} tokens</span>}
      {outcome.cost && <span>${outcome.cost}</span>}
      {outcome.requestId && <a href={`#/requests/${encodeURIComponent(outcome.requestId)}`}>trail</a>}
    </div>
  );
}

type KindProps = { virtualKey: string; models: string[] };

/** Frees what an object URL holds, once another one is shown. */
function useObjectUrl(): [string, (url: string) => void] {
  const [url, setUrl] = useState("");
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return [url, setUrl];
}

function Image({ virtualKey, models }: KindProps) {
  const [model, setModel] = useState(models.find((each) => /image|dall|diffusion|flux/i.test(each)) ?? models[0] ?? "");
  const [prompt, setPrompt] = useState("");
  const [url, setUrl] = useObjectUrl();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const submit = async () => {
    const [made, told] = await image(virtualKey, model, prompt);
    setUrl(made);
    setOutcome(told);
  };
  return (
    <Card title="Image">
      <Form label="Make it" submit={submit}>
        <Choice label="Model" value={model} set={setModel} of={models} />
        <Text label="Prompt" required value={prompt} set={setPrompt} />
      </Form>
      {url && <img class="answer-image" src={url} alt={`Made of: ${prompt}`} />}
      {outcome && <Told outcome={outcome} />}
    </Card>
  );
}

function Speech({ virtualKey, models }: KindProps) {
  const [model, setModel] = useState(models.find((each) => /speech|tts|voice/i.test(each)) ?? models[0] ?? "");
  const [voice, setVoice] = useState("alloy");
  const [format, setFormat] = useState("wav");
  const [text, setText] = useState("");
  const [url, setUrl] = useObjectUrl();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const submit = async () => {
    const [made, told] = await speech(virtualKey, model, voice, format, text);
    setUrl(made);
    setOutcome(told);
  };
  return (
    <Card title="Speech">
      <Form label="Say it" submit={submit}>
        <div class="row">
          <Choice label="Model" value={model} set={setModel} of={models} />
          <Text label="Voice" required value={voice} set={setVoice} />
          <Choice label="Format" value={format} set={setFormat} of={["wav", "mp3", "opus", "flac", "aac"]} />
        </div>
        <Text label="Text" required value={text} set={setText} />
      </Form>
      {url && <audio controls src={url} aria-label="What was said" />}
      {outcome && <Told outcome={outcome} />}
    </Card>
  );
}

function Transcription({ virtualKey, models }: KindProps) {
  const [model, setModel] = useState(models.find((each) => /transcri|whisper|scribe/i.test(each)) ?? models[0] ?? "");
  const [file, setFile] = useState<File | null>(null);
  const [text, setText] = useState("");
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const submit = async () => {
    if (!file) return;
    const [written, told] = await transcription(virtualKey, model, file, file.name);
    setText(written);
    setOutcome(told);
  };
  return (
    <Card title="Transcription">
      <Form label="Write it down" submit={submit}>
        <Choice label="Model" value={model} set={setModel} of={models} />
        <Field label="Recording">{(id) => <input id={id} type="file" accept="audio/*,video/*" required onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />}</Field>
      </Form>
      {text && <div class="said" data-transcript>{text}</div>}
      {outcome && <Told outcome={outcome} />}
    </Card>
  );
}
