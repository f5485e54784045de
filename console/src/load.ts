// What a page shows: loaded, loaded again, and loaded anew when something happened.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";
import { useLive } from "./live";

export type Loaded<T> = { data: T | null; error: ApiError | null; reload: () => void };

type Refresh = {
  /** In milliseconds; 0 for never. */
  every?: number;
  /** Whether a notification has it loaded anew. */
  live?: boolean;
};

export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, on: unknown[], refresh: Refresh = {}): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [round, setRound] = useState(0);
  const last = useRef("");
  const isBusy = useRef(false);
  const isDue = useRef(false);
  const { newest } = useLive();
  // What is on its way is not asked for twice: whoever is slow would never have answered.
  const reload = useCallback(() => {
    if (isBusy.current) isDue.current = true;
    else setRound((each) => each + 1);
  }, []);
  const key = JSON.stringify(on);
  useEffect(() => {
    const stop = new AbortController();
    isBusy.current = true;
    isDue.current = false;
    if (last.current !== key) {
      last.current = key;
      setData(null);
      setError(null);
    }
    load(stop.signal).then(
      (found) => {
        if (stop.signal.aborted) return;
        setData(found);
        setError(null);
      },
      (problem) => {
        if (!stop.signal.aborted) setError(asError(problem));
      },
    ).finally(() => {
      if (stop.signal.aborted) return;
      isBusy.current = false;
      if (isDue.current) reload();
    });
    return () => stop.abort();
  }, [key, round]);
  useEffect(() => {
    if (refresh.live && newest) reload();
  }, [newest]);
  useEffect(() => {
    if (!refresh.every) return;
    const timer = setInterval(() => document.hidden || isBusy.current || reload(), refresh.every);
    return () => clearInterval(timer);
  }, [refresh.every]);
  return { data, error, reload };
}

export function asError(problem: unknown): ApiError {
  if (problem instanceof ApiError) return problem;
  return new ApiError(0, "", problem instanceof Error ? problem.message : String(problem), "", "");
}
