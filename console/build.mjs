// Writes the console into the folder given: the page, its script and its style, the same bytes each time.
import { cp, mkdir } from "node:fs/promises";
import { argv } from "node:process";
import { build } from "esbuild";

const folder = argv[2] ?? "../services/conduit_bridge/console/assets";
await mkdir(folder, { recursive: true });
await build({
  entryPoints: { app: "src/main.tsx", theme: "src/theme.ts", microphone: "src/microphone.ts" },
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
});
await build({ entryPoints: ["src/app.css"], outdir: folder, minify: true, bundle: true });
for (const name of ["index.html", "icon.svg"]) await cp(`src/${name}`, `${folder}/${name}`);
