// What Conduit told, and where else it tells it.
import { useEffect, useState } from "preact/hooks";
import { call, pages, post } from "../api";
import { ago, when, words } from "../format";
import { type Notice, useLive } from "../live";
import { useLoad } from "../load";
import type { Place } from "../router";
import { useMay } from "../session";
import type { Webhook } from "../types";
import { Act, Card, Choice, Confirm, Dialog, Empty, Form, Head, Secret, Show, State, Table, Text, useToast } from "../ui";

const TONES: Record<string, string> = {
  ProviderUnhealthy: "bad", KeyInvalid: "bad", KeyWithoutFunds: "bad", CircuitOpened: "bad", ServiceDegraded: "bad", ModelAvailabilityChanged: "warn",
  RateLimitNear: "warn", KeyRotationDue: "warn", ModelRetiring: "warn", BudgetThresholdReached: "warn", ProviderRecovered: "good", KeyRecovered: "good",
  CircuitClosed: "good", ServiceRestored: "good",
};
const SHOWN = 200;

export function Notifications(_: { place: Place }) {
  const { notices, isConnected, newest, seen } = useLive();
  const may = useMay("Operator");
  const [kind, setKind] = useState("");
  const [isAnnouncing, setAnnouncing] = useState(false);
  useEffect(seen, [newest]);
  const kinds = [...new Set(notices.map((each) => each.kind))].sort();
  const shown = notices.filter((each) => !kind || each.kind === kind);
  return (
    <>
      <Head title="Notifications" lead={<span class={isConnected ? "live on" : "live"}>{isConnected ? "Live: what happens is here at once" : "Connecting"}</span>}>
        {may && <button type="button" onClick={() => setAnnouncing(true)}>Announce something</button>}
      </Head>
      <Card title="What happened" flush actions={kinds.length > 1 && <Choice label="Kind" value={kind} set={setKind} of={[["", "All"], ...kinds.map((each): [string, string] => [each, words(each)])]} />}>
        {shown.length ? (
          <Table label="Notifications" rows={shown.slice(0, SHOWN)} id={(each: Notice) => `${each.id} ${each.occurredAt}`} columns={[
            { name: "When", of: (each) => <span class="nowrap" title={when(each.occurredAt)}>{ago(each.occurredAt)}</span> },
            { name: "Kind", of: (each) => <span class={`badge ${TONES[each.kind] ?? ""}`}>{words(each.kind)}</span> },
            { name: "What", of: (each) => <span class="text">{each.message}</span> },
            { name: "Provider", of: (each) => (each.providerId ? <a class="clip" href={`#/providers/${each.providerId}`}>{each.providerName}</a> : <span class="muted">–</span>) },
          ]} />
        ) : <Empty title="Nothing happened since Health started"><p>Providers that fail, keys that are refused, circuits that open and budgets that run out are told here.</p></Empty>}
      </Card>
      {may && <Webhooks />}
      {isAnnouncing && <Announce close={() => setAnnouncing(false)} />}
    </>
  );
}

function Announce({ close }: { close: () => void }) {
  const [message, setMessage] = useState("");
  const [category, setCategory] = useState("maintenance");
  const toast = useToast();
  return (
    <Dialog title="Announce something" close={close}>
      <Form label="Announce it" submit={async () => { await post("/api/announcements", { message, category }); close(); toast("It is announced"); }}>
        <Text label="Message" required maxLength={1000} value={message} set={setMessage} />
        <Text label="Category" maxLength={100} value={category} set={setCategory} />
      </Form>
    </Dialog>
  );
}

function Webhooks() {
  const [asked, setAsked] = useState<{ what: "add" | "delete"; of?: Webhook } | null>(null);
  const found = useLoad((signal) => pages<Webhook>("/api/webhooks", "webhooks", 1000, signal), []);
  const close = () => {
    setAsked(null);
    found.reload();
  };
  const flip = async (each: Webhook) => {
    await call("PATCH", `/api/webhooks/${each.id}`, { body: { isEnabled: !each.isEnabled }, etag: each.etag });
    found.reload();
  };
  return (
    <Card title="Webhooks" flush actions={<button type="button" class="small" onClick={() => setAsked({ what: "add" })}>Add a webhook</button>}>
      <Show of={found}>
        {(webhooks) => webhooks.length ? (
          <Table label="Webhooks" rows={webhooks} id={(each) => each.id} columns={[
            { name: "URL", of: (each) => <code class="clip">{each.url}</code> },
            { name: "Kinds", of: (each) => <span class="clip">{each.kinds.length ? each.kinds.map(words).join(", ") : "all"}</span> },
            { name: "State", of: (each) => <State of={each.isEnabled ? "Enabled" : "Disabled"} /> },
            { name: "", of: (each) => <span class="actions"><Act class="small" label={each.isEnabled ? "Disable" : "Enable"} title={`${each.isEnabled ? "Disable" : "Enable"} the webhook of ${each.url}`} run={() => flip(each)} /><button type="button" class="small danger" aria-label={`Delete the webhook of ${each.url}`} onClick={() => setAsked({ what: "delete", of: each })}>Delete</button></span> },
          ]} />
        ) : <Empty title="There is no webhook"><p>A webhook tells a program of yours what is told here.</p></Empty>}
      </Show>
      {asked?.what === "add" && <AddWebhook close={close} />}
      {asked?.what === "delete" && asked.of && <Confirm title="Delete this webhook?" label="Delete" close={close} act={() => call("DELETE", `/api/webhooks/${asked.of?.id}`, { etag: asked.of?.etag })}><code>{asked.of.url}</code> is told nothing any more.</Confirm>}
    </Card>
  );
}

function AddWebhook({ close }: { close: () => void }) {
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [made, setMade] = useState<Webhook | null>(null);
  return (
    <Dialog title={made ? "The webhook is there" : "Add a webhook"} close={close}>
      {made?.secret ? (
        <>
          <Secret value={made.secret} name="the program's secrets" />
          <div class="actions"><button type="button" class="primary" onClick={close}>Done</button></div>
        </>
      ) : (
        <Form label="Add it" submit={async () => setMade(await post<Webhook>("/api/webhooks", { url: url.trim(), description }))}>
          <Text label="URL" required inputMode="url" value={url} set={setUrl} placeholder="https://" />
          <Text label="Description" value={description} set={setDescription} />
        </Form>
      )}
    </Dialog>
  );
}
