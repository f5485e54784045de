// Which page is shown: what stands behind `#` in the address.
import { useEffect, useState } from "preact/hooks";

export type Place = { path: string[]; query: URLSearchParams };

function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const follow = () => setPlace(placeOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}

export const go = (path: string) => {
  location.hash = `#/${path}`;
};

/** Changes the query of this page without a step in the history. */
export function remember(place: Place, values: Record<string, string>): void {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  const text = query.toString();
  location.replace(`#/${place.path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`);
}
