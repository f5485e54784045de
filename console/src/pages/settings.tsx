// Who administers, who has logged in, the configuration as a file, and how the console looks.
import { useState } from "preact/hooks";
import { call, get, pages, post } from "../api";
import { when, whenFull } from "../format";
import { useLoad } from "../load";
import type { Place } from "../router";
import { useMay, useSession } from "../session";
import type { Administrator } from "../types";
import { Act, Card, Check, Choice, Confirm, Dialog, Empty, Form, Head, Secret, Segments, Show, State, Table, Text } from "../ui";

const ROLES: [string, string][] = [
  ["Owner", "Owner: everything"], ["Operator", "Operator: changes what exists"], ["Auditor", "Auditor: reads the audit log"],
  ["Biller", "Biller: changes prices"], ["Viewer", "Viewer: reads"],
];

export function Settings(_: { place: Place }) {
  const session = useSession();
  const isOwner = useMay("Owner");
  const isAuditor = useMay("Auditor");
  const isOperator = useMay("Operator");
  return (
    <>
      <Head title="Settings" />
      <div class="grid">
        <Look />
        <Card title="Session">
          <dl class="facts">
            <dt>Logged in as</dt><dd class="text">{session.name}</dd>
            <dt>Role</dt><dd>{session.role}</dd>
            <dt>Ends</dt><dd>{whenFull(new Date(session.expiresAt * 1000).toISOString())}</dd>
          </dl>
        </Card>
      </div>
      {isAuditor && <Administrators isOwner={isOwner} />}
      {isAuditor && <Sessions isOwner={isOwner} />}
      {isOperator && <Configuration />}
    </>
  );
}

function Look() {
  const [theme, setTheme] = useState(localStorage.getItem("conduit-theme") ?? "system");
  const choose = (value: string) => {
    setTheme(value);
    if (value === "system") {
      localStorage.removeItem("conduit-theme");
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem("conduit-theme", value);
      document.documentElement.dataset.theme = value;
    }
  };
  return <Card title="Look"><Segments label="Look" value={theme} set={choose} of={[["system", "As the system"], ["light", "Light"], ["dark", "Dark"]]} /></Card>;
}

function Administrators({ isOwner }: { isOwner: boolean }) {
  const [asked, setAsked] = useState<{ what: "add" | "edit" | "rotate" | "delete"; of?: Administrator } | null>(null);
  const found = useLoad((signal) => pages<Administrator>("/api/administrators", "administrators", 1000, signal), []);
  const close = () => {
    setAsked(null);
    found.reload();
  };
  return (
    <Card title="Administrators" flush actions={isOwner && <button type="button" class="small" onClick={() => setAsked({ what: "add" })}>Add an administrator</button>}>
      <Show of={found}>
        {(administrators) => administrators.length ? (
          <Table label="Administrators" rows={administrators} id={(each) => each.id} columns={[
            { name: "Name", of: (each) => <span class="clip">{each.name}</span> },
            { name: "Role", of: (each) => each.role },
            { name: "State", of: (each) => <State of={each.isEnabled ? "Enabled" : "Disabled"} /> },
            { name: "Expires", of: (each) => when(each.expiresAt) },
            ...(isOwner ? [{ name: "", of: (each: Administrator) => (
              <span class="actions">
                <button type="button" class="small" aria-label={`Edit ${each.name}`} onClick={() => setAsked({ what: "edit", of: each })}>Edit</button>
                <button type="button" class="small" aria-label={`Rotate the token of ${each.name}`} onClick={() => setAsked({ what: "rotate", of: each })}>Rotate</button>
                <button type="button" class="small danger" aria-label={`Delete ${each.name}`} onClick={() => setAsked({ what: "delete", of: each })}>Delete</button>
              </span>
            ) }] : []),
          ]} />
        ) : <Empty title="There are none but the holder of the master key"><p>Give each person and program a token and a role of their own.</p></Empty>}
      </Show>
      {(asked?.what === "add" || asked?.what === "edit") && <AdministratorDialog of={asked.of} close={close} />}
      {asked?.what === "rotate" && asked.of && <RotateToken of={asked.of} close={close} />}
      {asked?.what === "delete" && asked.of && <Confirm title="Delete this administrator?" label="Delete" close={close} act={() => call("DELETE", `/api/administrators/${asked.of?.id}`, { etag: asked.of?.etag })}><strong>{asked.of.name}</strong> is refused from then on, in browsers too.</Confirm>}
    </Card>
  );
}

function TokenShown({ token, close }: { token: string; close: () => void }) {
  return (
    <>
      <Secret value={token} name="their secrets" />
      <div class="actions"><button type="button" class="primary" onClick={close}>Done</button></div>
    </>
  );
}

function AdministratorDialog({ of, close }: { of?: Administrator; close: () => void }) {
  const [name, setName] = useState(of?.name ?? "");
  const [role, setRole] = useState(of?.role ?? "Viewer");
  const [isEnabled, setEnabled] = useState(of?.isEnabled ?? true);
  const [token, setToken] = useState("");
  const submit = async () => {
    const body = { name: name.trim(), role, isEnabled };
    if (of) {
      await call("PATCH", `/api/administrators/${of.id}`, { body, etag: of.etag });
      close();
    } else setToken((await post<Administrator>("/api/administrators", body)).token ?? "");
  };
  return (
    <Dialog title={token ? "The administrator is there" : of ? "Edit the administrator" : "Add an administrator"} close={close}>
      {token ? <TokenShown token={token} close={close} /> : (
        <Form label={of ? "Save" : "Add it"} submit={submit}>
          <Text label="Name" required value={name} set={setName} maxLength={100} />
          <Choice label="Role" value={role} set={setRole} of={ROLES} />
          <Check label="Enabled" value={isEnabled} set={setEnabled} />
        </Form>
      )}
    </Dialog>
  );
}

function RotateToken({ of, close }: { of: Administrator; close: () => void }) {
  const [token, setToken] = useState("");
  return (
    <Dialog title={`Rotate the token of ${of.name}`} close={close}>
      {token ? <TokenShown token={token} close={close} /> : (
        <Form label="Rotate" submit={async () => setToken((await post<Administrator>(`/api/administrators/${of.id}/rotate`)).token ?? "")}>
          <p>The old token, and every browser that logged in with it, is refused from then on.</p>
        </Form>
      )}
    </Dialog>
  );
}

type LoginSession = { id: number; name: string; role: string; address: string; createdAt: string; expiresAt: string };

function Sessions({ isOwner }: { isOwner: boolean }) {
  const found = useLoad((signal) => pages<LoginSession>("/api/administrator-sessions", "administratorSessions", 1000, signal), []);
  const end = async (each: LoginSession) => {
    await post("/api/administrator-sessions/end", { ids: [each.id] });
    found.reload();
    return "The session is over";
  };
  return (
    <Show of={found}>
      {(sessions) => sessions.length > 0 && (
        <Card title="Logged in with your organization" flush>
          <Table label="Sessions" rows={sessions} id={(each) => each.id} columns={[
            { name: "Who", of: (each) => <span class="clip">{each.name}</span> },
            { name: "Role", of: (each) => each.role },
            { name: "From", of: (each) => <code>{each.address}</code> },
            { name: "Since", of: (each) => when(each.createdAt) },
            { name: "Until", of: (each) => when(each.expiresAt) },
            ...(isOwner ? [{ name: "", of: (each: LoginSession) => <Act class="small" label="End" title={`End the session of ${each.name}`} run={() => end(each)} /> }] : []),
          ]} />
        </Card>
      )}
    </Show>
  );
}

function Configuration() {
  const [text, setText] = useState("");
  const load = async () => {
    const answer = await get<{ yaml?: string; config?: string }>("/api/config");
    setText(answer.yaml ?? answer.config ?? JSON.stringify(answer, null, 2));
  };
  return (
    <Card title="Configuration as a file" actions={<Act class="small" label="Show it" run={load} />}>
      <p class="muted">All that exists, without secrets. <code>conduit config apply</code> takes it back, here or at another gateway.</p>
      {text && <pre tabIndex={0} aria-label="Configuration">{text}</pre>}
    </Card>
  );
}
