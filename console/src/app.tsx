// The frame: who is there, where one can go, and the page.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call, get, type Role, type Session, useToken } from "./api";
import { LiveProvider, useLive } from "./live";
import { asError } from "./load";
import { Login } from "./pages/login";
import { type Place, usePlace } from "./router";
import { PAGES, pageOf } from "./pages";
import { SessionContext, useMay, useSession } from "./session";
import { Head, Problem, Toasts } from "./ui";

export type About = { version: string; hasLogin: boolean };

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [about, setAbout] = useState<About | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [wasEnded, setEnded] = useState(false);
  const begin = useCallback((found: Session | null, isEnded = false) => {
    useToken(found?.csrfToken ?? "", () => begin(null, true));
    setEnded(isEnded);
    setSession(found);
  }, []);
  const load = useCallback(async () => {
    setError(null);
    try {
      const found = await get<About>("/console/about.json");
      try {
        begin(await get<Session>("/api/session"));
      } catch (problem) {
        if (!(problem instanceof ApiError) || problem.status !== 401) throw problem;
      }
      setAbout(found);
    } catch (problem) {
      setError(asError(problem));
    }
  }, []);
  useEffect(() => void load(), []);
  if (error) return <div class="login"><Problem error={error} retry={load} /></div>;
  if (!about) return <div class="login"><div class="loading" role="status"><span class="spinner" />Loading</div></div>;
  if (!session) return <Login about={about} begin={begin} wasEnded={wasEnded} />;
  return (
    <SessionContext.Provider value={session}>
      <Toasts>
        <LiveProvider>
          <Frame about={about} leave={() => begin(null)} />
        </LiveProvider>
      </Toasts>
    </SessionContext.Provider>
  );
}

function Frame({ about, leave }: { about: About; leave: () => void }) {
  const place = usePlace();
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const shown = useRef("");
  const page = pageOf(place);
  useEffect(() => {
    setOpen(false);
    // Whoever does not see it hears that it is another page; not on the first one.
    const path = place.path.join("/");
    if (shown.current && shown.current !== `/${path}`) main.current?.focus();
    shown.current = `/${path}`;
  }, [place.path.join("/")]);
  const close = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
  return (
    <div class="frame" onKeyDown={close}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the page</a>
      <header>
        <div class="bar">
          <button type="button" class="icon" aria-label="Menu" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>☰</button>
          <strong>Conduit</strong>
        </div>
        <div class={isOpen ? "side open" : "side"}>
          <a class="brand" href="#/"><img src="/console/icon.svg" alt="" />Conduit</a>
          <Navigation place={place} close={() => setOpen(false)} />
          <Who about={about} leave={leave} />
        </div>
      </header>
      <main class="main" id="main" tabIndex={-1} ref={main} data-place={place.path.join("/")}>
        <Page page={page} place={place} />
      </main>
    </div>
  );
}

function Page({ page, place }: { page: ReturnType<typeof pageOf>; place: Place }) {
  const may = useMay(page?.role ?? "Viewer");
  if (!page) return <Head title="There is no such page" lead={<a href="#/">Go to the overview</a>} />;
  if (!may) return <Head title="Not for your role" lead={`This page needs the role ${page.role}.`} />;
  return <page.show key={place.path.join("/")} place={place} />;
}

function Navigation({ place, close }: { place: Place; close: () => void }) {
  const { unseen } = useLive();
  const may: Record<Role, boolean> = {
    Owner: useMay("Owner"), Operator: useMay("Operator"), Auditor: useMay("Auditor"), Biller: useMay("Biller"), Viewer: useMay("Viewer"),
  };
  const here = place.path[0] ?? "";
  const groups = [...new Set(PAGES.map((each) => each.group))];
  return (
    <nav class="nav" aria-label="Pages">
      {groups.map((group) => {
        const pages = PAGES.filter((each) => each.group === group && may[each.role]);
        if (!pages.length) return null;
        return [
          group && <h2 key={group}>{group}</h2>,
          ...pages.map((each) => (
            <a key={each.path} href={`#/${each.path}`} onClick={close} aria-current={each.path === here ? "page" : undefined}>
              {each.name}
              {each.path === "notifications" && unseen > 0 && <span class="badge plain"><span class="hidden">, </span>{unseen > 99 ? "99+" : unseen}<span class="hidden"> new</span></span>}
            </a>
          )),
        ];
      })}
    </nav>
  );
}

function Who({ about, leave }: { about: About; leave: () => void }) {
  const session = useSession();
  const { isConnected } = useLive();
  const out = async () => {
    try {
      await call("POST", "/api/logout");
    } finally {
      leave();
    }
  };
  return (
    <div class="who">
      <span class={isConnected ? "live on" : "live"} data-live={isConnected}>{isConnected ? "Live" : "Not live: connecting"}</span>
      <div><span class="clip">{session.name}</span><span class="muted">{session.role}</span></div>
      <div class="actions"><button type="button" class="small" onClick={out}>Log out</button><span class="muted">v{about.version}</span></div>
    </div>
  );
}
