// Who has logged in, and what they may do.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Role, Session } from "./api";

const INCLUDES: Record<Role, Role[]> = {
  Owner: ["Owner", "Operator", "Auditor", "Biller", "Viewer"],
  Operator: ["Operator", "Viewer"],
  Auditor: ["Auditor", "Viewer"],
  Biller: ["Biller", "Viewer"],
  Viewer: ["Viewer"],
};

export const SessionContext = createContext<Session | null>(null);

/** Whether the page's user has a role, or one that includes it; the server judges all the same. */
export function useMay(role: Role): boolean {
  const session = useContext(SessionContext);
  return session !== null && (INCLUDES[session.role] ?? []).includes(role);
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("nobody has logged in");
  return session;
}
