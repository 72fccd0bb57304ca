/** The page of the server: which document is shown, and the playground that makes new ones. */

import { together, type Whole } from "../compare/two_documents";
import { serverTransport } from "../engine/server_transport";
import { manifestOf, sourceOver } from "../engine/source";
import { brief } from "../labels";
import { paletteOf } from "../palette";
import { mountViewer } from "../shell";
import css from "./site.css";

interface Listed {
  id: string;
  title: string;
}

interface Card {
  name: string;
  title: string;
  family: string;
  formula: string;
  paper: string;
  change: string;
  use: string;
  wins: string;
  loses: string;
  steps: boolean;
}

interface Offer {
  translator: string;
  longest: number;
  mechanisms: Card[];
}

const FIRST = "The cat sat on the mat.";

/** Shows what the server at `base` has. */
export async function mountSite(root: HTMLElement, base: string): Promise<void> {
  const site = new Site(root, base);
  try {
    await site.open();
  } catch (error) {
    site.tell(error);
  }
}

class Site {
  private readonly shadow: ShadowRoot;
  private readonly header = document.createElement("header");
  private readonly card = document.createElement("section");
  private readonly said = document.createElement("p");
  private readonly viewer = document.createElement("div");
  private readonly documents = document.createElement("select");
  private readonly beside = document.createElement("select");
  private besideLabel: HTMLElement | null = null;
  private mounted: { destroy(): void } | null = null;
  private listed: Listed[] = [];

  constructor(
    private readonly root: HTMLElement,
    private readonly base: string,
  ) {
    this.shadow = root.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.shadow.adoptedStyleSheets = [sheet];
    this.viewer.className = "viewer";
    this.said.className = "said";
    this.said.setAttribute("role", "status");
    this.card.className = "card";
    this.card.hidden = true;
    this.shadow.append(this.header, this.card, this.said, this.viewer);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const paint = () => {
      const palette = paletteOf(dark.matches ? "dark" : "light");
      for (const name of ["background", "text", "dimmed", "frame", "accent"] as const)
        this.root.style.setProperty(`--${name}`, palette[name]);
    };
    dark.addEventListener("change", paint);
    paint();
  }

  async open(): Promise<void> {
    const { documents, playground } = await this.ask<{ documents: Listed[]; playground: boolean }>("documents");
    this.listed = documents;
    this.documents.addEventListener("change", () => this.show(this.documents.value));
    this.beside.addEventListener("change", () => this.show(this.documents.value, this.beside.value));
    if (playground) this.offer(await this.ask<Offer>("playground"));
    this.besideLabel = labelled("beside it", this.beside);
    this.header.append(labelled("looking at", this.documents), this.besideLabel);
    this.list();
    const asked = askedFor(location.search);
    const gone = [asked.document, asked.beside].some((id) => id !== "" && !documents.some((one) => one.id === id));
    if (documents.length === 0) await this.make("translate", { text: FIRST });
    else if (gone) await this.show(documents[0].id);
    else await this.show(asked.document || documents[0].id, asked.beside);
    if (gone) this.tell(new Error("what this link leads to is not here any more; choose another"));
    this.header.hidden = !playground && documents.length < 2;
  }

  private offer({ translator, longest, mechanisms }: Offer): void {
    const form = document.createElement("form");
    const [text, target] = [document.createElement("input"), document.createElement("input")];
    text.value = FIRST;
    text.maxLength = target.maxLength = longest;
    text.required = true;
    target.placeholder = "found by the model";
    const button = document.createElement("button");
    button.textContent = "Translate";
    form.append(labelled(translator, text), labelled("its translation, where you know it", target), button);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      await this.make("translate", { text: text.value, target: target.value.trim() || undefined });
      button.disabled = false;
    });

    const select = document.createElement("select");
    select.append(new Option("choose one …", ""));
    for (const family of new Set(mechanisms.map((card) => card.family))) {
      const group = document.createElement("optgroup");
      group.label = family;
      for (const card of mechanisms.filter((one) => one.family === family))
        group.append(new Option(card.title + (card.steps ? " (step by step)" : ""), card.name));
      select.append(group);
    }
    select.addEventListener("change", () => {
      const card = mechanisms.find((one) => one.name === select.value);
      if (card) this.make("mechanism", { name: card.name }).then(() => this.tellCard(card));
    });
    this.header.append(form, labelled("a mechanism on a small example", select));
  }

  private tellCard(card: Card): void {
    const line = (text: string, name = "") => {
      const paragraph = document.createElement("p");
      paragraph.className = name;
      paragraph.textContent = text;
      return paragraph;
    };
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "what it is for";
    details.append(summary, line(card.change), line(`Used by: ${card.use}`), line(`Better at: ${card.wins}`));
    details.append(line(`Worse at: ${card.loses}`), line(card.paper, "paper"));
    this.card.replaceChildren(line(card.formula, "formula"), details);
    this.card.hidden = false;
  }

  /** Has a document made, and shows it. */
  private async make(what: string, request: object): Promise<void> {
    this.say("…");
    try {
      const made = await this.ask<Listed>(`playground/${what}`, request);
      this.listed = [...this.listed, made];
      this.list();
      await this.show(made.id);
    } catch (error) {
      this.tell(error);
    }
  }

  private list(): void {
    const chosen = this.documents.value;
    this.documents.replaceChildren(...this.listed.map(({ id, title }) => new Option(brief(title, 60), id)));
    this.documents.value = chosen;
  }

  /** What may stand beside a document: the others. */
  private listBeside(id: string, chosen: string): void {
    const others = this.listed.filter((one) => one.id !== id);
    const options = others.map((one) => new Option(brief(one.title, 60), one.id));
    this.beside.replaceChildren(new Option("nothing", ""), ...options);
    this.beside.value = chosen;
    if (this.besideLabel) this.besideLabel.hidden = others.length === 0;
  }

  private async document(id: string): Promise<Whole & { name: string }> {
    const transport = serverTransport(`${this.base}/documents/${encodeURIComponent(id)}`);
    const manifest = await manifestOf(transport);
    const name = this.listed.find((one) => one.id === id)?.title ?? id;
    return { manifest, source: sourceOver(transport), transport, name };
  }

  private async show(id: string, besideId = ""): Promise<void> {
    this.card.hidden = true;
    try {
      const first = await this.document(id);
      const { manifest, source, transport }: Whole = besideId ? together(first, await this.document(besideId)) : first;
      this.mounted?.destroy();
      this.viewer.replaceChildren();
      this.write(id, besideId);
      const place = document.createElement("div");
      place.style.height = "100%";
      this.viewer.append(place);
      this.mounted = mountViewer(place, { transport, source, manifest, kind: "server" });
      this.documents.value = id;
      this.listBeside(id, besideId);
      document.title = `${brief(manifest.title, 60)} · Regard`;
      this.say("");
    } catch (error) {
      this.tell(error);
    }
  }

  /** Which documents are looked at, in the address before #: a link leads to both. What the viewer wrote behind it stays. */
  private write(id: string, besideId: string): void {
    const fields = new URLSearchParams();
    if (id !== this.listed[0]?.id) fields.set("document", id);
    if (besideId) fields.set("beside", besideId);
    const search = fields.size > 0 ? `?${fields}` : "";
    if (search !== location.search) history.replaceState(history.state, "", location.pathname + search + location.hash);
  }

  private async ask<Answer>(path: string, body?: object): Promise<Answer> {
    const posted = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(`${this.base}/${path}`, body === undefined ? {} : posted);
    const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
    if (!answer.ok) throw new Error(found.error ?? `the server answered ${answer.status}`);
    return found as Answer;
  }

  private say(text: string): void {
    this.said.classList.remove("wrong");
    this.said.textContent = text;
  }

  tell(error: unknown): void {
    this.said.classList.add("wrong");
    this.said.textContent = error instanceof Error ? error.message : String(error);
  }
}

function askedFor(search: string): { document: string; beside: string } {
  const fields = new URLSearchParams(search);
  return { document: fields.get("document") ?? "", beside: fields.get("beside") ?? "" };
}

function labelled(text: string, control: HTMLElement): HTMLLabelElement {
  const label = document.createElement("label");
  label.append(text, control);
  return label;
}
