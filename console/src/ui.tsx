// The parts that pages are made of.
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import type { ApiError } from "./api";
import { asError, type Loaded } from "./load";

export function Head(props: { title: string; lead?: ComponentChildren; crumb?: ComponentChildren; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${props.title} · Conduit`;
  }, [props.title]);
  return (
    <div class="head">
      <div>
        {props.crumb && <div class="crumb">{props.crumb}</div>}
        <h1 class="text">{props.title}</h1>
        {props.lead && <p class="muted">{props.lead}</p>}
      </div>
      {props.children && <div class="actions">{props.children}</div>}
    </div>
  );
}

export function Card(props: { title?: string; actions?: ComponentChildren; flush?: boolean; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class={props.flush ? "card flush" : "card"} aria-labelledby={props.title ? id : undefined}>
      {props.title && (
        <div class="head">
          <h2 id={id}>{props.title}</h2>
          {props.actions && <div class="actions">{props.actions}</div>}
        </div>
      )}
      {props.children}
    </section>
  );
}

export function Tile(props: { name: string; value: ComponentChildren; note?: ComponentChildren }) {
  return (
    <div class="tile" data-tile={props.name}>
      <span class="name">{props.name}</span>
      <span class="value">{props.value}</span>
      {props.note && <span class="aside">{props.note}</span>}
    </div>
  );
}

const TONES: Record<string, string> = {
  Healthy: "good", Active: "good", Closed: "good", Succeeded: "good", Enabled: "good", OK: "good", Delivered: "good",
  Degraded: "warn", RateLimited: "warn", HalfOpen: "warn", Warning: "warn", CallerGone: "warn", Pending: "warn", Waiting: "warn",
  Unhealthy: "bad", InvalidCredentials: "bad", NoFunds: "bad", Open: "bad", Failed: "bad",
};

export function State(props: { of: string; label?: string }) {
  const label = props.label ?? props.of.replace(/([a-z])([A-Z])/g, "$1 $2");
  return <span class={`badge ${TONES[props.of] ?? ""}`}>{label}</span>;
}

export function Empty(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export function Problem({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="note bad" role="alert">
      <strong class="text">{error.message}</strong>
      {error.hint && <span class="small text">{error.hint}</span>}
      {(error.code || error.requestId) && (
        <span class="small mono">{[error.code, error.requestId].filter(Boolean).join(" · ")}</span>
      )}
      {retry && (
        <span>
          <button type="button" class="small" onClick={retry}>Try again</button>
        </span>
      )}
    </div>
  );
}

/** Shows what was loaded; what is being loaded, and what went wrong, in its place. */
export function Show<T>(props: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
  const { data, error, reload } = props.of;
  if (data === null && error) return <Problem error={error} retry={reload} />;
  if (data === null) {
    return <div class="loading" role="status"><span class="spinner" />Loading</div>;
  }
  return (
    <>
      {error && <Problem error={error} retry={reload} />}
      {props.children(data)}
    </>
  );
}

type Column<T> = { name: string; of: (row: T) => ComponentChildren; num?: boolean };

export function Table<T>(props: { label: string; rows: T[]; columns: Column<T>[]; id: (row: T) => string | number }) {
  return (
    <div class="scroll">
      <table class="stack" aria-label={props.label}>
        <thead>
          <tr>{props.columns.map((each) => <th key={each.name} scope="col" class={each.num ? "num" : ""}>{each.name || <span class="hidden">Actions</span>}</th>)}</tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.id(row)} class="link">
              {props.columns.map((each) => <td key={each.name} data-label={each.name} class={each.num ? "num" : ""}>{each.of(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type FieldProps = { label: string; hint?: ComponentChildren; children: (id: string, hintId: string | undefined) => ComponentChildren };

export function Field(props: FieldProps) {
  const id = useId();
  const hintId = props.hint ? `${id}-hint` : undefined;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children(id, hintId)}
      {props.hint && <span class="hint" id={hintId}>{props.hint}</span>}
    </div>
  );
}

type TextProps = {
  label: string; hint?: ComponentChildren; value: string; set: (value: string) => void;
  type?: "text" | "password" | "search" | "number" | "datetime-local"; autocomplete?: string; required?: boolean; placeholder?: string;
  maxLength?: number; inputMode?: "numeric" | "decimal" | "url"; pattern?: string; list?: string;
};

export function Text({ label, hint, value, set, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint}>
      {(id, hintId) => <input {...(rest as object)} id={id} aria-describedby={hintId} value={value} onInput={(event) => set(event.currentTarget.value)} />}
    </Field>
  );
}

export function Choice(props: { label: string; hint?: ComponentChildren; value: string; set: (value: string) => void; of: (string | [string, string])[]; required?: boolean }) {
  return (
    <Field label={props.label} hint={props.hint}>
      {(id, hintId) => (
        <select id={id} aria-describedby={hintId} value={props.value} required={props.required} onChange={(event) => props.set(event.currentTarget.value)}>
          {props.of.map((each) => {
            const [value, label] = typeof each === "string" ? [each, each] : each;
            return <option key={value} value={value}>{label}</option>;
          })}
        </select>
      )}
    </Field>
  );
}

export function Check(props: { label: string; value: boolean; set: (value: boolean) => void }) {
  const id = useId();
  return (
    <div class="check">
      <input type="checkbox" id={id} checked={props.value} onChange={(event) => props.set(event.currentTarget.checked)} />
      <label for={id}>{props.label}</label>
    </div>
  );
}

export function Segments(props: { label: string; value: string; set: (value: string) => void; of: [string, string][] }) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.of.map(([value, label]) => (
        <button key={value} type="button" aria-pressed={props.value === value} onClick={() => props.set(value)}>{label}</button>
      ))}
    </div>
  );
}

export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={id} onClose={props.close}>
      <div class="body">
        <div class="head">
          <h2 id={id} class="text">{props.title}</h2>
          <button type="button" class="icon quiet" aria-label="Close" onClick={() => ref.current?.close()}>✕</button>
        </div>
        {props.children}
      </div>
    </dialog>
  );
}

/** A form that says what went wrong, and is sent once at a time. */
export function Form(props: { submit: () => Promise<unknown>; label: string; danger?: boolean; children?: ComponentChildren; extra?: ComponentChildren }) {
  const [error, setError] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setError(null);
    try {
      await props.submit();
    } catch (problem) {
      setError(asError(problem));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={send}>
      {props.children}
      {error && <Problem error={error} />}
      <div class="actions">
        <button type="submit" class={props.danger ? "danger primary" : "primary"} disabled={isBusy}>{isBusy ? "Working…" : props.label}</button>
        {props.extra}
      </div>
    </form>
  );
}

export function Confirm(props: { title: string; label: string; close: () => void; act: () => Promise<unknown>; children: ComponentChildren }) {
  return (
    <Dialog title={props.title} close={props.close}>
      <div class="text">{props.children}</div>
      <Form label={props.label} danger submit={async () => { await props.act(); props.close(); }} extra={<button type="button" onClick={props.close}>Cancel</button>} />
    </Dialog>
  );
}

/** A secret that is shown once. */
export function Secret({ value, name }: { value: string; name: string }) {
  const toast = useToast();
  const copy = () => navigator.clipboard.writeText(value).then(() => toast("Copied"), () => toast("The browser lets nobody copy: mark the text", true));
  return (
    <div class="form">
      <div class="note warn"><strong>This is the only time that it is shown.</strong><span class="small">Conduit keeps no copy. Put it where you keep {name}.</span></div>
      <div class="secret"><code data-secret>{value}</code><button type="button" class="small" onClick={copy}>Copy</button></div>
    </div>
  );
}

type Toast = { id: number; text: string; isBad: boolean };
const ToastContext = createContext<(text: string, isBad?: boolean) => void>(() => undefined);
export const useToast = () => useContext(ToastContext);

export function Toasts({ children }: { children: ComponentChildren }) {
  const [shown, setShown] = useState<Toast[]>([]);
  const next = useRef(0);
  const toast = (text: string, isBad = false) => {
    const id = next.current++;
    setShown((all) => [...all.slice(-3), { id, text, isBad }]);
    setTimeout(() => setShown((all) => all.filter((each) => each.id !== id)), isBad ? 9000 : 4500);
  };
  return (
    <ToastContext.Provider value={toast}>
      {children}
      <div class="toasts" role="status" aria-live="polite">
        {shown.map((each) => <div key={each.id} class={each.isBad ? "toast bad" : "toast"}>{each.text}</div>)}
      </div>
    </ToastContext.Provider>
  );
}

/** A button whose work takes a while, and says in a toast what came of it. */
export function Act(props: { label: string; run: () => Promise<string | void>; class?: string; title?: string }) {
  const [isBusy, setBusy] = useState(false);
  const toast = useToast();
  const run = async () => {
    if (isBusy) return;
    setBusy(true);
    try {
      const text = await props.run();
      if (text) toast(text);
    } catch (problem) {
      const error = asError(problem);
      toast(error.hint ? `${error.message} ${error.hint}` : error.message, true);
    } finally {
      setBusy(false);
    }
  };
  // One that is disabled loses the focus, and whoever has no mouse their place.
  return <button type="button" class={props.class} aria-disabled={isBusy} onClick={run} aria-label={props.title}>{isBusy ? "Working…" : props.label}</button>;
}
