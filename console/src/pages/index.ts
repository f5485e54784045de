// Which pages there are, in the order of the menu.
import type { ComponentType } from "preact";
import type { Role } from "../api";
import type { Place } from "../router";
import { Audit } from "./audit";
import { Guide } from "./guide";
import { VirtualKeys } from "./keys";
import { McpServers } from "./mcp";
import { Models } from "./models";
import { Notifications } from "./notifications";
import { Overview } from "./overview";
import { Playground } from "./playground";
import { Prices } from "./prices";
import { ProviderPage } from "./provider";
import { Providers } from "./providers";
import { RequestPage, Requests } from "./requests";
import { Settings } from "./settings";

type PageOf = { path: string; name: string; group: string; role: Role; show: ComponentType<{ place: Place }> };

export const PAGES: PageOf[] = [
  { path: "", name: "Overview", group: "", role: "Viewer", show: Overview },
  { path: "guide", name: "First steps", group: "", role: "Operator", show: Guide },
  { path: "providers", name: "Providers", group: "Gateway", role: "Viewer", show: Providers },
  { path: "models", name: "Models", group: "Gateway", role: "Viewer", show: Models },
  { path: "keys", name: "Virtual keys", group: "Gateway", role: "Viewer", show: VirtualKeys },
  { path: "mcp", name: "MCP servers", group: "Gateway", role: "Viewer", show: McpServers },
  { path: "prices", name: "Prices", group: "Gateway", role: "Viewer", show: Prices },
  { path: "requests", name: "Requests", group: "Watch", role: "Viewer", show: Requests },
  { path: "notifications", name: "Notifications", group: "Watch", role: "Viewer", show: Notifications },
  { path: "audit", name: "Audit log", group: "Watch", role: "Auditor", show: Audit },
  { path: "playground", name: "Playground", group: "Try", role: "Viewer", show: Playground },
  { path: "settings", name: "Settings", group: "Try", role: "Viewer", show: Settings },
];

// Of one thing of a list.
const DETAILS: Record<string, ComponentType<{ place: Place }>> = { providers: ProviderPage, requests: RequestPage };

export function pageOf(place: Place): PageOf | undefined {
  const [first = "", second, third] = place.path;
  const page = PAGES.find((each) => each.path === first);
  if (second === undefined || !page) return page;
  const show = DETAILS[first];
  return show && third === undefined ? { ...page, show } : undefined;
}
