// Speak with a model, as a caller's browser does.
import { useEffect, useRef, useState } from "preact/hooks";
import { count, ms } from "../format";
import { asError } from "../load";
import { NOTHING, VoiceSession, type VoiceState } from "../voice";
import { Act, Card, Choice, Form, Problem, Text } from "../ui";

// What else has sound is spoken, not spoken with.
const LIKELY = /realtime|live|voice|converse/i;

export function Voice({ virtualKey, models }: { virtualKey: string; models: string[] }) {
  const [model, setModel] = useState(models.find((each) => LIKELY.test(each)) ?? models[0] ?? "");
  const [voice, setVoice] = useState("");
  const [transcriber, setTranscriber] = useState("whisper-1");
  const [state, setState] = useState<VoiceState>(NOTHING);
  const session = useRef<VoiceSession | null>(null);
  useEffect(() => () => session.current?.close(), []);
  const open = async () => {
    session.current = new VoiceSession(setState);
    await session.current.open({ key: virtualKey, model, voice: voice.trim(), transcriber: transcriber.trim() });
  };
  return (
    <Card title="Live voice">
      {state.phase === "over" ? (
        <Form label="Open a session" submit={open}>
          <div class="row">
            <Choice label="Model" value={model} set={setModel} of={models} />
            <Text label="Voice" value={voice} set={setVoice} placeholder="the model's own" />
            <Text label="Writes down what you say" value={transcriber} set={setTranscriber} hint="A model of the provider's; empty for none." />
          </div>
        </Form>
      ) : <Talk session={session} state={state} model={model} />}
      {state.error && <Problem error={asError(new Error(state.error))} />}
      {state.phase !== "opening" && state.lines.length > 0 && <Lines state={state} model={model} />}
    </Card>
  );
}

function Talk({ session, state, model }: { session: { current: VoiceSession | null }; state: VoiceState; model: string }) {
  const [text, setText] = useState("");
  const button = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The button that opened it is gone.
    if (state.phase === "open") button.current?.querySelector("button")?.focus();
  }, [state.phase]);
  if (state.phase === "opening") return <div class="loading" role="status"><span class="spinner" />Opening a session with {model}</div>;
  const flip = async () => void (await (state.isSpeaking ? session.current?.spoken() : session.current?.speak()));
  return (
    <>
      <div class="actions" ref={button}>
        <Act class={state.isSpeaking ? "danger primary" : "primary"} label={state.isSpeaking ? "That was all" : "Speak"} run={flip} />
        <button type="button" onClick={() => session.current?.close()}>Hang up</button>
        <span class={state.isSpeaking || state.isAnswering ? "live on" : "live"} role="status">{state.isSpeaking ? "Listening" : state.isAnswering ? "Answering" : `Connected to ${model}`}</span>
      </div>
      <Form label="Send" submit={async () => { session.current?.write(text); setText(""); }}>
        <Text label="Or write" required value={text} set={setText} />
      </Form>
    </>
  );
}

function Lines({ state, model }: { state: VoiceState; model: string }) {
  return (
    <>
      <div class="talk" tabIndex={0} role="log" aria-label="What was said" aria-live="polite">
        {state.lines.map((each) => <div key={each.id} class={`said ${each.role}`}>{each.text}</div>)}
      </div>
      <div class="small muted actions" data-told>
        {state.firstMs !== null && <span>first sound {ms(state.firstMs)}</span>}
        <span>heard {state.playedSeconds.toFixed(1)} s</span>
        {state.tokens !== null && <span>{count(state.tokens)} tokens</span>}
        <a href={`#/requests?model=${encodeURIComponent(model)}`}>requests</a>
      </div>
    </>
  );
}
