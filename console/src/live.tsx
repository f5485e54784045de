// What Conduit tells as it happens, by server-sent events.
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

export type Notice = {
  id: number;
  occurredAt: string;
  kind: string;
  providerId: number;
  providerName: string;
  message: string;
};

type Live = { isConnected: boolean; notices: Notice[]; newest: number; unseen: number; seen: () => void };

const MOST = 1000;
const Context = createContext<Live>({ isConnected: false, notices: [], newest: 0, unseen: 0, seen: () => undefined });

export const useLive = () => useContext(Context);

export function LiveProvider({ children }: { children: ComponentChildren }) {
  const [isConnected, setConnected] = useState(false);
  const [notices, setNotices] = useState<Notice[]>([]);
  const [seenId, setSeenId] = useState(() => Number(localStorage.getItem("conduit-seen") ?? 0));
  useEffect(() => {
    // All that Health remembers, then what comes; a browser comes back by itself, with the last id.
    const source = new EventSource("/api/notifications?afterId=1");
    source.onopen = () => setConnected(true);
    source.onerror = () => setConnected(false);
    const take = (event: MessageEvent<string>) => {
      const notice = JSON.parse(event.data) as Notice;
      setNotices((known) =>
        known.some((each) => each.id === notice.id && each.occurredAt === notice.occurredAt)
          ? known
          : [notice, ...known].slice(0, MOST),
      );
    };
    source.onmessage = take;
    return () => source.close();
  }, []);
  const newest = notices[0]?.id ?? 0;
  const seen = () => {
    localStorage.setItem("conduit-seen", String(newest));
    setSeenId(newest);
  };
  // Health numbers anew when it begins anew.
  const from = seenId > newest ? 0 : seenId;
  const unseen = notices.filter((each) => each.id > from).length;
  return <Context.Provider value={{ isConnected, notices, newest, unseen, seen }}>{children}</Context.Provider>;
}
