// Streams an answer of Conduit's: CONDUIT_ROUTER is host:port of the router, CONDUIT_API_KEY a virtual key.
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { ChatRole } from "./gen/conduit/v1/chat_message_pb.js";
import { RouterService } from "./gen/conduit/v1/router_service_pb.js";

const router = createClient(
  RouterService,
  createGrpcTransport({ baseUrl: `http://${process.env.CONDUIT_ROUTER}` }),
);
const request = {
  form: {
    case: "chat" as const,
    value: {
      model: "echo",
      messages: [
        {
          role: ChatRole.USER,
          content: [{ part: { case: "text" as const, value: "Hello from TypeScript!" } }],
        },
      ],
    },
  },
};
const headers = { authorization: `Bearer ${process.env.CONDUIT_API_KEY}` };
for await (const answer of router.streamChat(request, { headers })) {
  for (const chunk of answer.chunks) {
    for (const choice of chunk.choices) {
      process.stdout.write(choice.delta?.content ?? "");
    }
  }
}
process.stdout.write("\n");
