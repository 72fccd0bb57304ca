// Bundles the viewer into one ES module, which is its own worker: no host has to serve a second file. The exhibits of the site are a
// program of their own.
import { readFile } from "node:fs/promises";
import { build, transform } from "esbuild";

/** Styles are texts of the module, without what only their readers need. */
const styles = {
  name: "styles",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf-8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const shared = {
  bundle: true,
  plugins: [styles],
  minify: true,
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  logLevel: "warning",
};
const out = process.argv[2] ?? "../src/regard/viewer/static/regard.js";
const exhibits = process.argv[3] ?? "../docs/assets/exhibits.js";

await build({
  ...shared,
  entryPoints: ["src/main.ts"],
  format: "esm",
  outfile: out,
});

await build({
  ...shared,
  entryPoints: ["src/playground/index.ts"],
  format: "iife",
  outfile: exhibits,
});
