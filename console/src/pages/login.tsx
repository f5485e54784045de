// Log in by the master key, an administrator's token, or the login provider.
import { useState } from "preact/hooks";
import { post, type Session } from "../api";
import type { About } from "../app";
import { Form, Text } from "../ui";

export function Login({ about, begin, wasEnded }: { about: About; begin: (session: Session) => void; wasEnded: boolean }) {
  const [token, setToken] = useState("");
  const submit = async () => {
    const session = await post<Session>("/api/session", { token: token.trim() });
    setToken("");
    begin(session);
  };
  return (
    <main class="login">
      <div class="card">
        <div class="brand"><img src="/console/icon.svg" alt="" />Conduit</div>
        <div>
          <h1>Log in</h1>
          <p class="muted small">Version {about.version}</p>
        </div>
        {wasEnded && <div class="note warn" role="status">Your session is over. Log in to go on.</div>}
        {about.hasLogin && <><a class="button primary" href="/api/login">Log in with your organization</a><div class="or">or</div></>}
        <Form label="Log in" submit={submit}>
          <Text label="Master key or administrator's token" hint="The first start showed the master key; tokens begin with condt_admin_." type="password" autocomplete="current-password" required value={token} set={setToken} />
        </Form>
      </div>
    </main>
  );
}
