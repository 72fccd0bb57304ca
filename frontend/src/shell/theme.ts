/** Light or dark: as chosen, or as the host is. */

import type { Palette } from "../contract";
import { paletteOf } from "../palette";

export type Theme = "light" | "dark" | "auto";

const VARIABLES = ["background", "text", "dimmed", "frame", "accent"] as const;

/** What a notebook says of itself; null where it says nothing. */
export function notebookTheme(page: Document): "light" | "dark" | null {
  const { body, documentElement: top } = page;
  const lab = body.getAttribute("data-jp-theme-light");
  if (lab !== null) return lab === "false" ? "dark" : "light";
  const has = (name: string) => body.classList.contains(name) || top.classList.contains(name);
  if (has("vscode-dark") || (has("vscode-high-contrast") && !has("vscode-high-contrast-light"))) return "dark";
  if (has("vscode-light") || has("vscode-high-contrast-light")) return "light";
  const colab = top.getAttribute("theme");
  if (colab !== null) return colab === "dark" ? "dark" : "light";
  if (has("dark") || has("dark-theme")) return "dark"; // marimo
  return has("light") || has("light-theme") ? "light" : null;
}

/** The theme in force, kept up with the host while it is "auto". */
export class ThemeWatch {
  palette: Palette;
  private readonly preference = matchMedia("(prefers-color-scheme: dark)");
  private readonly observer: MutationObserver | null = null;
  private readonly look = () => this.resolve();

  /** `notebook`: whether the page around it is a notebook's, which has a theme of its own. */
  constructor(
    private readonly root: HTMLElement,
    public chosen: Theme,
    private readonly notebook: boolean,
    private readonly changed: () => void,
  ) {
    this.palette = paletteOf(this.current());
    this.paint();
    this.preference.addEventListener("change", this.look);
    if (!notebook) return;
    this.observer = new MutationObserver(this.look);
    const attributes = { attributes: true, attributeFilter: ["class", "theme", "data-jp-theme-light"] };
    for (const one of [document.documentElement, document.body]) this.observer.observe(one, attributes);
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    this.resolve();
  }

  /** Light for a while, as on paper; returns how to go back to what was chosen. */
  lit(): () => void {
    const { chosen } = this;
    this.choose("light");
    return () => this.choose(chosen);
  }

  stop(): void {
    this.observer?.disconnect();
    this.preference.removeEventListener("change", this.look);
  }

  private current(): "light" | "dark" {
    if (this.chosen !== "auto") return this.chosen;
    return (this.notebook ? notebookTheme(document) : null) ?? (this.preference.matches ? "dark" : "light");
  }

  private resolve(): void {
    const name = this.current();
    if (name === this.palette.name) return;
    this.palette = paletteOf(name);
    this.paint();
    this.changed();
  }

  private paint(): void {
    for (const name of VARIABLES) this.root.style.setProperty(`--${name}`, this.palette[name]);
    this.root.style.colorScheme = this.palette.name;
  }
}
