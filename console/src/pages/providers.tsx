// All instances of providers, and a new one.
import { useState } from "preact/hooks";
import { pages, post } from "../api";
import { count, ms, when } from "../format";
import { useLoad } from "../load";
import { go, type Place } from "../router";
import { useMay } from "../session";
import type { Health, Provider, ProviderType } from "../types";
import { Card, Choice, Dialog, Empty, Form, Head, Show, State, Table, Text } from "../ui";

export function Providers(_: { place: Place }) {
  const may = useMay("Operator");
  const [isAdding, setAdding] = useState(false);
  const found = useLoad(async (signal) => {
    const [providers, health] = await Promise.all([pages<Provider>("/api/providers", "providers", 2000, signal), pages<Health>("/api/provider-health", "providers", 2000, signal)]);
    return { providers, health: new Map(health.map((each) => [each.providerId, each])) };
  }, [], { every: 5000, live: true });
  return (
    <>
      <Head title="Providers" lead="Accounts and servers that answer requests, each with its keys.">
        {may && <button type="button" class="primary" onClick={() => setAdding(true)}>Add a provider</button>}
      </Head>
      <Card flush>
        <Show of={found}>
          {({ providers, health }) =>
            providers.length ? (
              <Table label="Providers" rows={providers} id={(each) => each.id} columns={[
                { name: "Name", of: (each) => <a class="clip" href={`#/providers/${each.id}`}>{each.name}</a> },
                { name: "Type", of: (each) => each.providerType },
                { name: "Health", of: (each) => <State of={each.isEnabled ? (health.get(each.id)?.status ?? "Unknown") : "Disabled"} /> },
                { name: "Circuit", of: (each) => <State of={health.get(each.id)?.circuit ?? "Closed"} /> },
                { name: "Keys", of: (each) => <Keys health={health.get(each.id)} /> },
                { name: "Response time", num: true, of: (each) => ms(health.get(each.id)?.responseTime) },
                { name: "Last check", num: true, of: (each) => when(health.get(each.id)?.lastCheckTime) },
              ]} />
            ) : (
              <Empty title="There is no provider yet">
                <p>A provider is an account at OpenAI, Anthropic or another one, a server of your own, or the simulator, which needs no account.</p>
                {may && <button type="button" class="primary" onClick={() => setAdding(true)}>Add a provider</button>}
              </Empty>
            )
          }
        </Show>
      </Card>
      {isAdding && <AddProvider close={() => setAdding(false)} />}
    </>
  );
}

function Keys({ health }: { health: Health | undefined }) {
  const keys = health?.keyCredentials ?? [];
  if (!keys.length) return <span class="muted">none</span>;
  const bad = keys.filter((each) => !["Active", "Unknown"].includes(each.status));
  if (!bad.length) return <>{count(keys.length)}</>;
  return <span class="actions">{count(keys.length)} <State of={bad[0]?.status ?? "Unknown"} /></span>;
}

/** Asks for a new instance with its first key; `done` is told which one it became. */
export function AddProvider({ close }: { close: () => void }) {
  return (
    <Dialog title="Add a provider" close={close}>
      <ProviderForm done={(made) => { close(); go(`providers/${made.id}`); }} />
    </Dialog>
  );
}

export function ProviderForm({ done, label = "Add the provider" }: { done: (made: Provider) => void; label?: string }) {
  const types = useLoad((signal) => pages<ProviderType>("/api/provider-types", "providerTypes", 2000, signal), []);
  return <Show of={types}>{(found) => <Inner types={found} done={done} label={label} />}</Show>;
}

function Inner({ types, done, label }: { types: ProviderType[]; done: (made: Provider) => void; label: string }) {
  const [type, setType] = useState("OpenAI");
  const [name, setName] = useState("");
  const [apiKey, setApiKey] = useState("");
  const [baseUrl, setBaseUrl] = useState("");
  const [settings, setSettings] = useState<Record<string, string>>({});
  const about = types.find((each) => each.name === type);
  // What was made stays made where the key is refused: the next try adds the key to it.
  const [made, setMade] = useState<Provider | null>(null);
  const submit = async () => {
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value));
    const provider = made ?? (await post<Provider>("/api/providers", { name: name || type, providerType: type, ...(baseUrl && { baseUrl }), ...(Object.keys(given).length && { settings: given }) }));
    setMade(provider);
    if (apiKey || !about?.auth.isOptional) await post(`/api/providers/${provider.id}/keys`, { apiKey: apiKey.trim() });
    done(provider);
  };
  return (
    <Form submit={submit} label={label}>
      <div class="row">
        <Choice label="Type" value={type} set={(value) => { setType(value); setSettings({}); }} of={types.map((each) => [each.name, each.displayName])} />
        <Text label="Name" value={name} set={setName} placeholder={type} maxLength={200} />
      </div>
      <Text label={about?.auth.isOptional ? "Key (if it wants one)" : "Key"} hint={about?.auth.description} type="password" autocomplete="off" value={apiKey} set={setApiKey} required={!about?.auth.isOptional} />
      {about?.settings.map((each) => (
        <Text key={each.name} label={each.name} hint={each.description} required={each.isRequired} placeholder={each.default} value={settings[each.name] ?? ""} set={(value) => setSettings({ ...settings, [each.name]: value })} />
      ))}
      <Text label="Base URL" hint="Where it is asked, if not at its own address." value={baseUrl} set={setBaseUrl} placeholder={about?.baseUrl} inputMode="url" />
    </Form>
  );
}
