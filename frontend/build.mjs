// Bundles the viewer into one ES module, and its worker into a text inside it: no host has to serve a second file. The exhibits of
// the site are a module of their own.
import { build } from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  logLevel: "warning",
};
const out = process.argv[2] ?? "../src/regard/viewer/static/regard.js";
const exhibits = process.argv[3] ?? "../docs/assets/exhibits.js";

const worker = await build({ ...shared, entryPoints: ["src/engine/worker.ts"], format: "iife", write: false });
await build({
  ...shared,
  entryPoints: ["src/main.ts"],
  format: "esm",
  loader: { ".css": "text" },
  define: { WORKER_CODE: JSON.stringify(worker.outputFiles[0].text) },
  outfile: out,
});

await build({
  ...shared,
  entryPoints: ["src/playground/index.ts"],
  format: "iife",
  loader: { ".css": "text" },
  outfile: exhibits,
});
