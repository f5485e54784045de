// OpenAI's client for Node at chats and Responses; prints what it reads, one JSON a line.
// usage: openai_node.mjs MODULES URL KEY KIND...
import { createRequire } from "node:module";

const [modules, url, key, ...kinds] = process.argv.slice(2);
const { OpenAI } = createRequire(`${modules}/`)("openai");
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } } };
const weather = { name: "get_weather", description: "Get the weather", parameters };

const chat = async (model, name, isStream) => {
  const messages = [{ role: "user", content: `Case: ${name}.` }];
  const asked = { model, messages };
  if (name === "tools") asked.tools = [{ type: "function", function: weather }];
  let thoughts = "";
  // The helper keeps the last piece of members that it does not know.
  const hear = (chunk) => (thoughts += chunk.choices[0]?.delta.reasoning_content ?? "");
  const whole = isStream
    ? await client.chat.completions.stream(asked).on("chunk", hear).finalChatCompletion()
    : await client.chat.completions.create(asked);
  const said = whole.choices[0].message;
  const made = (said.tool_calls ?? []).map((call) => call.function);
  const calls = made.map((call) => [call.name, JSON.parse(call.arguments)]);
  return [said.content ?? "", isStream ? thoughts : (said.reasoning_content ?? ""), calls];
};

const response = async (model, name, isStream) => {
  const asked = { model, input: `Case: ${name}.`, store: false, reasoning: { summary: "auto" } };
  if (name === "tools") asked.tools = [{ type: "function", strict: false, ...weather }];
  const whole = isStream
    ? await client.responses.stream(asked).finalResponse()
    : await client.responses.create(asked);
  const of = (type) => whole.output.filter((item) => item.type === type);
  const thoughts = of("reasoning").flatMap((item) => item.summary.map((part) => part.text));
  const calls = of("function_call").map((call) => [call.name, JSON.parse(call.arguments)]);
  return [whole.output_text, thoughts.join(""), calls];
};

for (const kind of kinds)
  for (const name of ["plain", "tools", "reasoning"])
    for (const [route, ask] of Object.entries({ chat, responses: response }))
      for (const isStream of [false, true]) {
        const told = await ask(`${kind}-${name}`, name, isStream);
        console.log(JSON.stringify([route, kind, name, isStream, ...told, null]));
      }
