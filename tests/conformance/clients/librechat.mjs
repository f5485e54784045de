// LibreChat's agents, by which its server asks a custom endpoint; prints what they read, one JSON a line.
// usage: librechat.mjs MODULES URL KEY KIND...
import { createRequire } from "node:module";

const [modules, url, key, ...kinds] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { HumanMessage } = require("@langchain/core/messages");
const { tool } = require("@langchain/core/tools");
const agents = require("@librechat/agents");
const { z } = require("zod");

const schema = z.object({ city: z.string().optional() });
// All that recorded providers call.
const names = ["get_weather", "get_current_weather", "get_temperature", "get_time", "now"];
const tools = names.map((name) =>
  tool(async () => "Case: plain.", { name, description: "Get the weather", schema }),
);

const answer = async (model, prompt) => {
  const { contentParts, aggregateContent } = agents.createContentAggregator();
  const take = { handle: (event, data) => aggregateContent({ event, data }) };
  const Events = agents.GraphEvents;
  const events = [
    Events.ON_RUN_STEP,
    Events.ON_RUN_STEP_DELTA,
    Events.ON_RUN_STEP_COMPLETED,
    Events.ON_MESSAGE_DELTA,
    Events.ON_REASONING_DELTA,
  ];
  const customHandlers = Object.fromEntries(events.map((event) => [event, take]));
  customHandlers[Events.TOOL_END] = new agents.ToolEndHandler();
  customHandlers[Events.CHAT_MODEL_END] = new agents.ModelEndHandler([]);
  const llmConfig = {
    provider: agents.Providers.OPENAI,
    model,
    apiKey: key,
    configuration: { baseURL: `${url}/v1` },
    streaming: true,
    maxRetries: 0,
  };
  const graphConfig = { type: "standard", llmConfig, tools, instructions: "Be kind." };
  const run = await agents.Run.create({ runId: model, graphConfig, customHandlers });
  const config = { configurable: { thread_id: model }, streamMode: "values", version: "v2" };
  await run.processStream({ messages: [new HumanMessage(prompt)] }, config);
  return contentParts.filter(Boolean);
};

for (const kind of kinds)
  for (const name of ["plain", "tools", "reasoning"]) {
    const parts = await answer(`${kind}-${name}`, `Case: ${name}.`);
    const made = parts.filter((part) => part.type === "tool_call").map((part) => part.tool_call);
    const done = made.filter((call) => call.output);
    const before = done.length ? parts.findIndex((part) => part.type === "tool_call") : parts.length;
    const of = (type, some) => some.filter((part) => part.type === type);
    const words = (some) => of("text", some).map((part) => part.text).join("");
    const thoughts = of("think", parts.slice(0, before)).map((part) => part.think);
    const calls = done.map((call) => [call.name, JSON.parse(call.args)]);
    const again = done.length ? words(parts.slice(before)) : null;
    const told = [words(parts.slice(0, before)), thoughts.join(""), calls, again];
    console.log(JSON.stringify(["chat", kind, name, true, ...told]));
  }
process.exit(0);
