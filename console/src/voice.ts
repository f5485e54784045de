// A live session as a browser holds one: a secret of minutes, a WebSocket, a microphone and sound.
// Its events are those of OpenAI's Realtime API, whoever serves it.
import { errorOf, reach } from "./api";
import { Microphone, Player } from "./sound";

export type Line = { id: string; role: "user" | "assistant"; text: string };
export type VoiceState = {
  phase: "opening" | "open" | "over"; isSpeaking: boolean; isAnswering: boolean;
  lines: Line[]; error: string; firstMs: number | null; tokens: number | null; playedSeconds: number;
};
export type Wish = { key: string; model: string; voice: string; transcriber: string };
export const NOTHING: VoiceState = { phase: "over", isSpeaking: false, isAnswering: false, lines: [], error: "", firstMs: null, tokens: null, playedSeconds: 0 };

type Told = {
  type: string; item_id?: string; delta?: string; transcript?: string; error?: { message?: string };
  response?: { usage?: { total_tokens?: number }; status_details?: { error?: { message?: string } } };
};

export class VoiceSession {
  private readonly context = new AudioContext();
  private readonly player = new Player(this.context, (seconds) => this.change({ playedSeconds: this.state.playedSeconds + seconds }));
  private readonly microphone = new Microphone(this.context);
  private socket: WebSocket | null = null;
  private state: VoiceState = { ...NOTHING, phase: "opening" };
  private asked = 0;

  /** `tell` is given each state. */
  constructor(private readonly tell: (state: VoiceState) => void) {}

  async open({ key, model, voice, transcriber }: Wish): Promise<void> {
    this.change({});
    try {
      const secret = await secretOf(key, model);
      if (this.state.phase === "over") return;
      const address = `${location.origin.replace(/^http/, "ws")}/v1/realtime?model=${encodeURIComponent(model)}`;
      const socket = new WebSocket(address, ["realtime", `openai-insecure-api-key.${secret}`]);
      this.socket = socket;
      socket.onmessage = ({ data }: MessageEvent<string>) => this.hear(JSON.parse(data) as Told);
      socket.onclose = ({ reason }) => this.ended(reason);
      socket.onopen = () => this.send({ type: "session.update", session: settingsOf(voice, transcriber) });
    } catch (problem) {
      this.close();
      throw problem;
    }
  }

  /** Hears what is said from now on; what is being answered is not. */
  async speak(): Promise<void> {
    this.player.stop();
    if (this.state.isAnswering) this.send({ type: "response.cancel" });
    await this.microphone.start((audio) => this.send({ type: "input_audio_buffer.append", audio }));
    this.change({ isSpeaking: true, error: "" });
  }

  /** Has what was said answered. */
  async spoken(): Promise<void> {
    this.change({ isSpeaking: false });
    await this.microphone.stop();
    this.send({ type: "input_audio_buffer.commit" });
    this.ask();
  }

  /** Has a text answered. */
  write(text: string): void {
    this.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
    this.line(crypto.randomUUID(), "user", () => text);
    this.ask();
  }

  close(): void {
    this.socket?.close();
    this.ended("");
  }

  private ask(): void {
    this.asked = performance.now();
    this.change({ isAnswering: true, firstMs: null, error: "" });
    this.send({ type: "response.create" });
  }

  private hear(told: Told): void {
    const { item_id: id = "", delta = "" } = told;
    switch (told.type) {
      case "session.created":
        return this.change({ phase: "open" });
      case "input_audio_buffer.committed":
        return this.line(id, "user", () => "(spoken)");
      case "conversation.item.input_audio_transcription.completed":
        return this.line(id, "user", () => told.transcript ?? "");
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        return this.line(id, "assistant", (text) => text + delta);
      case "response.output_audio.delta":
        if (this.state.firstMs === null) this.change({ firstMs: performance.now() - this.asked });
        return this.player.play(delta);
      case "response.done":
        return this.change({ isAnswering: false, tokens: told.response?.usage?.total_tokens ?? null, error: told.response?.status_details?.error?.message ?? this.state.error });
      case "error":
        return this.change({ isAnswering: false, error: told.error?.message ?? "The session failed." });
    }
  }

  private line(id: string, role: Line["role"], by: (text: string) => string): void {
    const { lines } = this.state;
    const known = lines.some((each) => each.id === id);
    this.change({ lines: known ? lines.map((each) => (each.id === id ? { ...each, text: by(each.text) } : each)) : [...lines, { id, role, text: by("") }] });
  }

  private ended(reason: string): void {
    const { phase, error } = this.state;
    if (phase === "over") return;
    // A browser tells no page why a session was refused; Conduit's log does.
    const why = phase === "opening" && this.socket ? "The session was refused: the requests of this model say why." : reason;
    this.player.stop();
    void this.microphone.stop();
    void this.context.close();
    this.change({ phase: "over", isSpeaking: false, isAnswering: false, error: error || why });
  }

  private send(event: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  private change(by: Partial<VoiceState>): void {
    this.state = { ...this.state, ...by };
    this.tell(this.state);
  }
}

/** Returns a secret with which a page may hold a session, and do nothing else. */
async function secretOf(key: string, model: string): Promise<string> {
  const answer = await reach("/v1/realtime/client_secrets", {
    method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, credentials: "omit",
    body: JSON.stringify({ session: { type: "realtime", model } }),
  });
  if (!answer.ok) throw await errorOf(answer);
  return ((await answer.json()) as { value: string }).value;
}

function settingsOf(voice: string, transcriber: string): object {
  const format = { type: "audio/pcm", rate: 24_000 };
  return {
    type: "realtime", output_modalities: ["audio"],
    audio: {
      // Whoever speaks says when it was all, so that no noise is taken for it.
      input: { format, turn_detection: null, ...(transcriber && { transcription: { model: transcriber } }) },
      output: { format, ...(voice && { voice }) },
    },
  };
}
