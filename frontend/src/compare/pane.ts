/** The second picture: what it shows is chosen above it, and it moves with the first. */

import type { App, Marked, MountedView, State, View } from "../contract";
import { type Choice, choice, element, fill } from "../elements";
import { mapText } from "../shown";
import { differenceApp, whyNot } from "./difference";
import { pairedStore } from "./paired_store";

const NOWHERE: Marked = { rows: [], columns: [] };

type Pane = { key: string; view: MountedView; stop(): void };

export class ComparePane {
  readonly element = element("div", "compare-pane");
  private readonly bar = element("div", "compare-bar");
  private readonly panel = element("div", "compare-panel");
  private readonly said = element("p", "compare-said");
  private readonly map: Choice;
  private readonly head: Choice;
  private readonly way: Choice;
  private mounted: Pane | null = null;

  constructor(
    private readonly app: App,
    private readonly views: readonly View[],
  ) {
    const { store, manifest } = app;
    const maps = manifest.maps.map((info, at) => {
      const item = manifest.items.length > 1 && info.of === null ? `${manifest.items[info.item]}: ` : "";
      return [String(at), `${item}${mapText(info, [0]).replace(/, head 0$/, "")}`] as const;
    });
    this.map = choice("", maps, (value) => {
      const map = Number(value);
      const kept = (store.state.with?.heads ?? store.state.heads).filter((head) => head < manifest.maps[map].heads);
      store.set({ with: { map, heads: kept.length > 0 ? kept : [0] } });
    });
    this.head = choice("", [], (value) => {
      const map = store.state.with?.map ?? store.state.map;
      const all = Array.from({ length: manifest.maps[map].heads }, (_, head) => head);
      store.set({ with: { map, heads: value === "all" ? all : [Number(value)] } });
    });
    this.way = choice(
      "",
      [
        ["beside", "beside"],
        ["difference", "A − B"],
      ],
      (value) => store.set({ compare: value as State["compare"] }),
    );
    for (const [{ control }, name] of [
      [this.map, "the second picture's map"],
      [this.head, "its head"],
      [this.way, "beside the first, or taken from it"],
    ] as const)
      control.setAttribute("aria-label", name);
    this.bar.append(this.map.label, this.head.label, this.way.label);
    this.said.setAttribute("role", "status");
    this.element.append(this.bar, this.panel, this.said);
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", "the second picture");
    this.update();
  }

  get view(): MountedView | null {
    return this.mounted?.view ?? null;
  }

  /** Shows what the state asks for; nothing where it asks for no second picture. */
  update(): void {
    const { store, manifest } = this.app;
    const { state } = store;
    this.element.hidden = state.with === null;
    if (state.with === null) {
      this.unmount();
      return;
    }
    const info = manifest.maps[state.with.map];
    const heads = Array.from({ length: info.heads }, (_, head) => [String(head), `head ${head}`] as const);
    fill(this.head.control, info.heads > 1 ? [...heads, ["all", `mean of ${info.heads} heads`]] : heads);
    this.map.control.value = String(state.with.map);
    this.head.control.value = state.with.heads.length === 1 ? String(state.with.heads[0]) : "all";
    this.way.control.value = state.compare;
    this.mount(state as Readonly<State> & { with: NonNullable<State["with"]> });
  }

  redraw(): void {
    this.mounted?.view.redraw();
  }

  unmount(): void {
    this.mounted?.view.destroy();
    this.mounted?.stop();
    this.mounted = null;
    this.panel.replaceChildren();
    this.said.textContent = "";
  }

  private mount(state: Readonly<State> & { with: NonNullable<State["with"]> }): void {
    const { app } = this;
    const differs = state.compare === "difference";
    const { map, heads } = state;
    const view = this.views.find(({ name }) => name === (differs ? "map" : state.view)) ?? this.views[0];
    // A difference is of these two; a picture beside the first follows by itself.
    const key = differs ? JSON.stringify([map, heads, state.with]) : `${view.name} ${state.with.map}`;
    if (this.mounted?.key === key) return;
    this.unmount();
    const refusal = differs ? whyNot(app.manifest, map, state.with.map) : this.refusal(view, state.with);
    if (refusal !== null) {
      this.said.textContent = refusal;
      return;
    }
    const told = {
      describe: (text: string) => {
        const said = differs ? `weights of A less those of B · ${text}` : text;
        if (this.said.textContent !== said) this.said.textContent = said;
      },
    };
    // What the app gives as it is asked, as the palette of the theme in force, it goes on giving.
    const here: App = Object.assign(Object.create(app), told);
    if (differs) {
      const made = differenceApp(here, { map, heads: [...heads] }, state.with);
      this.mounted = { key, view: view.mount(this.panel, made), stop: () => made.stop() };
    } else {
      const store = pairedStore(app.store, app.manifest);
      const [one, two] = [app.manifest.maps[map], app.manifest.maps[state.with.map]];
      const same = one.columnAxis === two.columnAxis && one.rowAxes.join() === two.rowAxes.join();
      const marked = () => (same ? (app.marked?.() ?? NOWHERE) : NOWHERE);
      const made: App = Object.assign(here, { store, marked });
      this.mounted = { key, view: view.mount(this.panel, made), stop: () => store.stop() };
    }
  }

  private refusal(view: View, { map, heads }: { map: number; heads: number[] }): string | null {
    const reason = view.unavailable(this.app.manifest, { ...this.app.store.state, map, heads });
    return reason === null ? null : `${view.title}: ${reason}`;
  }
}

/** What a second picture shows first: the next head, or the same head of the next map. */
export function firstBeside({ manifest, store }: Pick<App, "manifest" | "store">): NonNullable<State["with"]> {
  const { map, heads } = store.state;
  const info = manifest.maps[map];
  if (info.heads > 1) return { map, heads: [(heads[0] + 1) % info.heads] };
  const next = (map + 1) % manifest.maps.length;
  return { map: next, heads: [0] };
}
