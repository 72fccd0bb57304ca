// Bundles the viewer into one ES module, which is its own worker: no host has to serve a second file. Pages carry their program, and
// most show no finding: for these there is a module of what they need. The exhibits of the site are a program of their own.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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
const [, , out = "../src/regard/viewer/static/regard.js", exhibits = "../docs/assets/exhibits.js"] = process.argv;

await build({
  ...shared,
  entryPoints: ["src/main.ts"],
  format: "esm",
  outfile: out,
});

await build({
  ...shared,
  entryPoints: ["src/page.ts"],
  define: { "globalThis.WITH_FINDINGS": "false" },
  format: "esm",
  outfile: join(dirname(out), "page.js"),
});

await build({
  ...shared,
  entryPoints: ["src/playground/index.ts"],
  format: "iife",
  outfile: exhibits,
});
