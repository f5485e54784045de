// Connects with Microsoft's own client; prints what it hears, one JSON a line.
import { createRequire } from "node:module";

const [modules, url, key, transportName, provider] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const signalR = require("@microsoft/signalr");
const transport = signalR.HttpTransportType[transportName];
const tell = (name, value) => console.log(JSON.stringify([name, value]));
const connection = new signalR.HubConnectionBuilder()
  .withUrl(url, { accessTokenFactory: () => key, transport })
  .configureLogging(signalR.LogLevel.Warning)
  .build();
for (const name of ["InitialProviderHealth", "OnSystemAnnouncement"]) {
  connection.on(name, (value) => tell(name, value));
}
connection.on("OnSystemAnnouncement", async () => {
  await connection.stop();
  tell("stopped", connection.state);
});
await connection.start();
tell("connected", connection.state);
tell("subscribed", await connection.invoke("SubscribeToProvider", Number(provider)));
await connection.invoke("Nothing").catch((error) => tell("refused", error.message));
tell("ready", null);
