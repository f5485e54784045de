// Asks the admin API, with the session's cookie and its CSRF token.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
    readonly requestId: string,
  ) {
    super(message);
  }
}

export type Session = { name: string; role: Role; expiresAt: number; csrfToken: string };
export type Role = "Owner" | "Operator" | "Auditor" | "Biller" | "Viewer";

type Options = { body?: unknown; etag?: string; signal?: AbortSignal };

let csrfToken = "";
let whenEnded: () => void = () => undefined;

/** Has requests show this token; `ended` is called when the session is refused. */
export function useToken(token: string, ended: () => void): void {
  csrfToken = token;
  whenEnded = ended;
}

export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = {};
  const began = csrfToken;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (csrfToken && method !== "GET") headers["x-csrf-token"] = csrfToken;
  if (options.etag) headers["if-match"] = options.etag;
  const answer = await reach(path, {
    method,
    headers,
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    signal: options.signal,
  });
  if (answer.ok) {
    const text = await answer.text();
    // Seeds have 64 bits, of which a number of JavaScript's would lose the last.
    return (text ? JSON.parse(text.replace(/"seed":(\d{16,})/g, '"seed":"$1"')) : undefined) as T;
  }
  const error = await errorOf(answer);
  // What was asked in a session that is over says nothing of the one that came after it.
  if (answer.status === 401 && path !== "/api/session" && began === csrfToken) whenEnded();
  throw error;
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>("GET", path, { signal });
export const post = <T>(path: string, body: unknown = {}) => call<T>("POST", path, { body });

/** Fetches, and says in a caller's words what a browser says in its own. */
export async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: "same-origin", ...init });
  } catch (problem) {
    if (init.signal?.aborted) throw problem;
    throw new ApiError(0, "UNREACHABLE", "Conduit cannot be reached.", "Is it still running?", "");
  }
}

/** Reads an error of either dialect: the admin API's, or OpenAI's. */
export async function errorOf(answer: Response): Promise<ApiError> {
  const id = answer.headers.get("x-request-id") ?? "";
  const text = await answer.text();
  let said: Record<string, unknown> = {};
  try {
    said = JSON.parse(text);
  } catch {
    // Of a proxy between us.
  }
  const inner = (typeof said.error === "object" && said.error ? said.error : said) as Record<string, string>;
  const message = typeof said.error === "string" ? said.error : inner.message;
  return new ApiError(answer.status, inner.code ?? "", message || `HTTP ${answer.status}`, inner.hint ?? "", id);
}

/** Reads all pages of a list, as far as `most` entries. */
export async function pages<T>(path: string, member: string, most = 2000, signal?: AbortSignal): Promise<T[]> {
  const found: T[] = [];
  let token = "";
  do {
    const url = `${path}${path.includes("?") ? "&" : "?"}pageSize=${Math.min(1000, most)}&pageToken=${encodeURIComponent(token)}`;
    const page = await get<Record<string, unknown>>(token ? url : url.replace("&pageToken=", ""), signal);
    found.push(...((page[member] as T[] | undefined) ?? []));
    token = (page.nextPageToken as string | undefined) ?? "";
  } while (token && found.length < most);
  return found.slice(0, most);
}
