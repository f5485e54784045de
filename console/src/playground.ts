// Calls as a caller makes them: with a virtual key, by OpenAI's paths.
import { errorOf, reach } from "./api";

export type Said = { role: "user" | "assistant"; text: string };
export type Outcome = { firstMs: number | null; totalMs: number; tokens: number | null; cost: string | null; provider: string | null; requestId: string };

const headersOf = (key: string) => ({ authorization: `Bearer ${key}`, "content-type": "application/json" });

export async function models(key: string): Promise<string[]> {
  const answer = await reach("/v1/models", { headers: headersOf(key), credentials: "omit" });
  if (!answer.ok) throw await errorOf(answer);
  return ((await answer.json()) as { data: { id: string }[] }).data.map((each) => each.id);
}

/** Streams a chat; `tell` is given each piece of the answer. */
export async function chat(key: string, model: string, talk: Said[], tell: (text: string) => void, signal: AbortSignal): Promise<Outcome> {
  const began = performance.now();
  const messages = talk.map((each) => ({ role: each.role, content: each.text }));
  const answer = await reach("/v1/chat/completions", {
    method: "POST", headers: headersOf(key), credentials: "omit", signal,
    body: JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } }),
  });
  if (!answer.ok || !answer.body) throw await errorOf(answer);
  let firstMs: number | null = null;
  let tokens: number | null = null;
  for await (const data of events(answer.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as { choices?: { delta?: { content?: string } }[]; usage?: { total_tokens: number }; error?: { message: string } };
    if (chunk.error) throw new Error(chunk.error.message);
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) {
      firstMs ??= performance.now() - began;
      tell(text);
    }
    tokens = chunk.usage?.total_tokens ?? tokens;
  }
  return outcomeOf(answer, began, firstMs, tokens);
}

function outcomeOf(answer: Response, began: number, firstMs: number | null, tokens: number | null): Outcome {
  return {
    firstMs, tokens, totalMs: performance.now() - began, cost: answer.headers.get("x-conduit-cost-usd"),
    provider: answer.headers.get("x-conduit-provider"), requestId: answer.headers.get("x-request-id") ?? "",
  };
}

async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const parts = rest.split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        const data = part.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
        if (data) yield data;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Has a picture made; returns what an `img` shows. */
export async function image(key: string, model: string, prompt: string): Promise<[string, Outcome]> {
  const began = performance.now();
  const answer = await reach("/v1/images/generations", { method: "POST", headers: headersOf(key), credentials: "omit", body: JSON.stringify({ model, prompt, response_format: "b64_json" }) });
  if (!answer.ok) throw await errorOf(answer);
  const [made] = ((await answer.json()) as { data: { b64_json?: string; url?: string }[] }).data;
  const bytes = Uint8Array.from(atob(made?.b64_json ?? ""), (each) => each.charCodeAt(0));
  return [URL.createObjectURL(new Blob([bytes])), outcomeOf(answer, began, null, null)];
}

/** Has a text spoken; returns what an `audio` plays. */
export async function speech(key: string, model: string, voice: string, format: string, input: string): Promise<[string, Outcome]> {
  const began = performance.now();
  const answer = await reach("/v1/audio/speech", { method: "POST", headers: headersOf(key), credentials: "omit", body: JSON.stringify({ model, voice, input, response_format: format }) });
  if (!answer.ok) throw await errorOf(answer);
  const blob = await answer.blob();
  return [URL.createObjectURL(blob), outcomeOf(answer, began, null, null)];
}

/** Has a recording written down. */
export async function transcription(key: string, model: string, file: Blob, name: string): Promise<[string, Outcome]> {
  const began = performance.now();
  const form = new FormData();
  form.set("model", model);
  form.set("file", file, name);
  const answer = await reach("/v1/audio/transcriptions", { method: "POST", headers: { authorization: `Bearer ${key}` }, credentials: "omit", body: form });
  if (!answer.ok) throw await errorOf(answer);
  return [((await answer.json()) as { text: string }).text, outcomeOf(answer, began, null, null)];
}
