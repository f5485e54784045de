// OpenAI's own client for Node at a gateway; prints what it gets, one JSON a line.
import { createRequire } from "node:module";
import net from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const [modules, url, key, talk, live] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { OpenAI, toFile } = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");
const { LiveWS } = require("openai/resources/live/ws");
const tell = (name, value) => console.log(JSON.stringify([name, value]));
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

const sound = async () => toFile(Buffer.alloc(48000), "talk.wav", { type: "audio/wav" });
const whole = await client.audio.transcriptions.create({ model: "words", file: await sound() });
tell("transcription", whole.text);
const words = await client.audio.transcriptions.create({
  model: "words",
  file: await sound(),
  stream: true,
});
const pieces = [];
for await (const event of words) pieces.push(event);
tell("streamed transcription", pieces.at(-1).text);

const wish = { model: "speech", voice: "alloy", input: "a".repeat(30), response_format: "pcm" };
const speech = await client.audio.speech.create(wish);
let length = 0;
for await (const piece of speech.body) length += piece.length;
tell("speech", length);

const drawing = { model: "image", prompt: "a red bicycle", size: "256x256" };
const drawn = await client.images.generate({ ...drawing, stream: true, partial_images: 2 });
const kinds = [];
for await (const event of drawn) kinds.push(event.type);
tell("images", kinds);
const edited = await client.images.edit({
  ...drawing,
  image: await toFile(Buffer.from("\x89PNG a", "latin1"), "a.png", { type: "image/png" }),
});
tell("edit", edited.data.length);

// It speaks TLS alone, which is here left out as if a proxy had ended it.
const { hostname, port } = new URL(url);
const options = { createConnection: () => net.connect(Number(port), hostname) };
const realtime = new OpenAIRealtimeWS({ model: talk, options }, client);
const heard = [];
await new Promise((resolve, reject) => {
  realtime.on("error", reject);
  realtime.on("event", (event) => {
    heard.push(event.type);
    if (event.type === "session.created") realtime.send({ type: "response.create" });
    if (event.type === "response.done") realtime.close();
  });
  realtime.socket.on("close", resolve);
});
tell("realtime", heard);

const session = new LiveWS(client);
const told = [];
await new Promise((resolve, reject) => {
  session.on("error", reject);
  session.on("event", (event) => {
    told.push([event.type, event.session?.model]);
    if (event.type === "session.started") session.send({ type: "session.close" });
    if (event.type === "session.closed") {
      session.close();
      resolve();
    }
  });
  session.send({ type: "session.start", session: { model: live } });
});
tell("live", told);

const line = {
  custom_id: "n0",
  method: "POST",
  url: "/v1/chat/completions",
  body: { model: "node-echo", messages: [{ role: "user", content: "from Node" }] },
};
const file = await client.files.create({
  file: await toFile(Buffer.from(JSON.stringify(line)), "in.jsonl"),
  purpose: "batch",
});
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: line.url,
  completion_window: "24h",
});
while (["validating", "in_progress", "finalizing"].includes(batch.status)) {
  await pause(50);
  batch = await client.batches.retrieve(batch.id);
}
const output = await (await client.files.content(batch.output_file_id)).text();
const said = JSON.parse(output).response.body.choices[0].message.content;
const { deleted } = await client.files.delete(file.id);
tell("batch", [batch.status, said, deleted]);
