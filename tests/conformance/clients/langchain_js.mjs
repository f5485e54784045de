// LangChain for JavaScript as a client of chats and Responses; prints what it reads, one JSON a line.
// usage: langchain_js.mjs MODULES URL KEY KIND...
import { createRequire } from "node:module";

const [modules, url, key, ...kinds] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { HumanMessage, ToolMessage } = require("@langchain/core/messages");
const { ChatOpenAI } = require("@langchain/openai");

const own = { apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries: 0 };
const responses = { useResponsesApi: true };
const routes = {
  chat: {},
  responses,
  stateless: { ...responses, zdrEnabled: true },
};
const parameters = { type: "object", properties: { city: { type: "string" } } };
// All that recorded providers call.
const names = ["get_weather", "get_current_weather", "get_temperature", "get_time", "now"];
const tools = names.map((name) => ({
  type: "function",
  function: { name, description: "Get the weather", parameters },
}));

const ask = async (model, turns, isStream) => {
  if (!isStream) return model.invoke(turns);
  let whole;
  for await (const piece of await model.stream(turns)) whole = whole ? whole.concat(piece) : piece;
  return whole;
};

for (const kind of kinds)
  for (const name of ["plain", "tools", "reasoning"])
    for (const [route, options] of Object.entries(routes)) {
      const plain = new ChatOpenAI({ ...own, ...options, model: `${kind}-${name}` });
      const model = name === "tools" ? plain.bindTools(tools) : plain;
      for (const isStream of [false, true]) {
        const turns = [new HumanMessage(`Case: ${name}.`)];
        const said = await ask(model, turns, isStream);
        const made = said.tool_calls ?? [];
        const results = made.map(
          ({ id }) => new ToolMessage({ content: "Case: plain.", tool_call_id: id }),
        );
        const again = made.length ? await ask(model, [...turns, said, ...results], isStream) : null;
        const calls = made.map((call) => [call.name, call.args]);
        // It asks for summaries of models alone that are called as OpenAI's are, and reads no others.
        const told = [route, kind, name, isStream, said.text, "", calls];
        console.log(JSON.stringify([...told, again?.text ?? null]));
      }
    }
