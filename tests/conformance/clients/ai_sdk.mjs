// The AI SDK as a client of each route; prints what it reads, one JSON a line.
// usage: ai_sdk.mjs MODULES URL KEY KIND...
import { createRequire } from "node:module";

const [modules, url, key, ...kinds] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { generateText, jsonSchema, stepCountIs, streamText, tool } = require("ai");
const { createAnthropic } = require("@ai-sdk/anthropic");
const { createGoogleGenerativeAI } = require("@ai-sdk/google");
const { createOpenAI } = require("@ai-sdk/openai");
const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");

globalThis.AI_SDK_LOG_WARNINGS = false;
const own = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
const like = createOpenAICompatible({ name: "conduit", baseURL: `${url}/v1`, apiKey: key });
const stateless = { store: false };
// The default of createOpenAI is Responses, which are kept: the second step names items by their ids.
const routes = {
  responses: [own, {}],
  stateless: [own, stateless],
  "openai.chat": [own.chat, {}],
  compatible: [like, {}],
  messages: [createAnthropic({ baseURL: `${url}/v1`, apiKey: key }), {}],
  contents: [createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key }), {}],
};
const weather = tool({
  description: "Get the weather",
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
  execute: async () => "Case: plain.",
});
// All that recorded providers call.
const names = ["get_weather", "get_current_weather", "get_temperature", "get_time", "now"];
const tools = Object.fromEntries(names.map((name) => [name, weather]));

const asked = (route, kind, name) => {
  const [make, openai] = routes[route];
  const request = {
    model: make(`${kind}-${name}`),
    prompt: `Case: ${name}.`,
    maxRetries: 0,
    maxOutputTokens: 4096,
    providerOptions: { openai: { reasoningSummary: "auto", forceReasoning: true, ...openai } },
  };
  if (name === "tools") Object.assign(request, { tools, stopWhen: stepCountIs(2) });
  if (name === "reasoning") {
    request.providerOptions.anthropic = { thinking: { type: "enabled", budgetTokens: 2048 } };
    request.providerOptions.google = { thinkingConfig: { includeThoughts: true } };
  }
  return request;
};

const answer = async (request, isStream) => {
  if (!isStream) return (await generateText(request)).steps;
  let failed;
  const stream = streamText({ ...request, onError: ({ error }) => (failed = error) });
  await stream.consumeStream();
  if (failed) throw failed;
  return stream.steps;
};

for (const kind of kinds)
  for (const name of ["plain", "tools", "reasoning"])
    for (const route of Object.keys(routes))
      for (const isStream of [false, true]) {
        const [first, second] = await answer(asked(route, kind, name), isStream);
        const calls = first.toolCalls.map((call) => [call.toolName, call.input]);
        const told = [route, kind, name, isStream, first.text, first.reasoningText ?? "", calls];
        console.log(JSON.stringify([...told, second?.text ?? null]));
      }
