/** The viewer: its parts around one view, and what happens between them. */

import { Beside } from "../compare/beside";
import type { App, Manifest, MountedView, Source, State, Store, Transport } from "../contract";
import { element } from "../elements";
import { FindBar } from "../find/find_bar";
import { brief } from "../labels";
import { Reader } from "../reader";
import { initialState, makeStore } from "../store";
import { views } from "../views";
import { addressOf, saysToken, stateOf } from "./address";
import { Bar } from "./bar";
import { Errors } from "./errors";
import { HeadStrip } from "./head_strip";
import { Help } from "./help";
import { Keeping } from "./keeping";
import { changedByKey, hearKeys, isPressed, takesKeys } from "./keys";
import { MapChoice } from "./map_choice";
import { Menu } from "./menu";
import { FirstToken } from "./opening";
import { printing } from "./printing";
import { Settings } from "./settings";
import { TablePanel } from "./table_panel";
import { Tabs } from "./tabs";
import { type Theme, ThemeWatch } from "./theme";
import { browserVisits, ownsHistory, ownVisits, type Visits } from "./visits";

export interface Host {
  transport: Transport;
  source: Source;
  manifest: Manifest;
  kind: "page" | "widget" | "server";
  theme?: Theme;
  /** Of a widget, in pixels. */
  height?: number;
}

/** Browsers refuse an address that changes much oftener. */
const ADDRESS_PAUSE = 300;
const TABLE_PAUSE = 150;
/** Of a widget, where nothing else is asked for; and the least, so that the reader is a column. */
const [HEIGHT, LEAST_HEIGHT] = [560, 484];
/** What changes with every movement of the pointer, and no control shows. */
const POINTED: ReadonlySet<keyof State> = new Set(["query", "key", "pinned", "viewport"]);
/** What changes from one place to another, to which the Back button leads; the rest changes the place a little. */
const STEPS: readonly (keyof State)[] = ["view", "map", "heads", "viewport", "with", "compare", "pair"];
const THEMES: readonly Theme[] = ["auto", "light", "dark"];

export class Viewer {
  private readonly element: HTMLElement;
  private readonly panel = element("div", "panel");
  private readonly errors = new Errors();
  private readonly help = new Help();
  private readonly app: App;
  private readonly theme: ThemeWatch;
  private readonly parts: { update(): void }[];
  private readonly strip: HeadStrip;
  private readonly tabs: Tabs;
  private readonly bar: Bar;
  private readonly menu: Menu;
  private readonly reader: Reader;
  private readonly find: FindBar;
  private readonly beside: Beside;
  private readonly table: TablePanel;
  private readonly start: State;
  private readonly first: FirstToken;
  private readonly stops: (() => void)[] = [];
  private readonly visits: Visits;
  private stepped = false;
  private mounted: { name: State["view"]; view: MountedView } | null = null;
  private tableOpen = false;
  private addressTimer: ReturnType<typeof setTimeout> | undefined;
  private tableTimer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private redrawing = 0;
  private fitted = "";

  constructor(
    shadow: ShadowRoot,
    private readonly host: Host,
  ) {
    const { manifest, source, kind } = host;
    this.element = element(kind === "page" ? "main" : "section", `viewer ${kind}`);
    this.element.setAttribute("aria-label", `attention: ${brief(manifest.title, 120)}`);
    this.start = initialState(manifest);
    const store = makeStore(kind === "widget" ? this.start : stateOf(location.hash, manifest, this.start));
    const heard = (address: string) => {
      this.goTo(address);
      this.sayVisited();
    };
    this.visits = ownsHistory(kind)
      ? browserVisits(heard)
      : ownVisits(addressOf(store.state, this.start), heard, (address) => this.setAddress(address));
    this.theme = new ThemeWatch(this.element, host.theme ?? "auto", kind === "widget", () => this.redraw());
    const { theme } = this;
    this.app = {
      manifest,
      source,
      store,
      embedded: kind === "widget" || window.parent !== window,
      get palette() {
        return theme.palette;
      },
      say: (text) => this.reader.say(text),
      describe: (text) => {
        this.reader.describe(text);
        this.fit(); // what has been drawn has a height
      },
      fail: (error) => this.errors.show(error),
      marked: () => this.find.finder.found,
      get sharedTop() {
        return beside().sharedTop;
      },
    };
    const beside = () => this.beside;
    this.find = new FindBar(
      this.app,
      () => this.redrawSoon(),
      () => this.panel.querySelector<HTMLElement>("[tabindex='0']")?.focus(),
    );
    this.beside = new Beside(this.app, views, this.panel, () => this.redrawSoon());
    this.first = new FirstToken(this.app);
    const settings = new Settings(this.app);
    this.reader = new Reader(element(kind === "widget" ? "h2" : "h1", "title"));
    const keeping = new Keeping(
      this.app,
      this.element,
      () => this.view(),
      () => this.beside.pane.view,
    );
    this.menu = new Menu(manifest, settings.element, {
      table: () => this.showTable(!this.tableOpen),
      copy: () => keeping.copy(),
      csv: () => keeping.csv(),
      png: () => keeping.png(),
      svg: () => keeping.svg(),
      theme: () => this.setTheme(THEMES[(THEMES.indexOf(this.theme.chosen) + 1) % THEMES.length]),
      help: () => this.openHelp(),
      back: () => this.visits.go(-1),
      forward: () => this.visits.go(1),
    });
    this.table = new TablePanel(
      () => this.view().table(),
      (error) => this.errors.show(error),
      () => this.showTable(false),
    );
    this.panel.id = `panel-${Math.random().toString(36).slice(2)}`;
    this.panel.setAttribute("role", "tabpanel");
    this.strip = new HeadStrip(this.app);
    this.tabs = new Tabs(this.app, views, this.panel.id);
    const choice = new MapChoice(this.app);
    this.bar = new Bar(choice.element, this.strip.element, this.tabs.element, this.menu);
    this.bar.find.append(this.find.element);
    this.bar.compare.append(this.beside.button);
    this.parts = [choice, this.strip, this.tabs, settings, this.beside];
    this.build(shadow);
    this.reader.mount(this.app);
    this.update(new Set());
    this.sayVisited();
    this.stops.push(store.subscribe((state, changed) => this.changed(state, changed)));
    this.listen();
    this.mountView();
    const alone = kind !== "widget";
    const printed = { picture: () => keeping.picture(), light: () => this.theme.lit(), notes: () => manifest.notes };
    this.stops.push(printing(this.element, alone, { ...printed, fail: (error) => this.errors.show(error) }));
    if (kind === "widget" || !saysToken(location.hash)) this.first.choose();
  }

  get store(): Store {
    return this.app.store;
  }

  setTheme(theme: Theme): void {
    this.theme.choose(theme);
    this.menu.update(this.app.store.state, this.tableOpen, theme);
  }

  destroy(): void {
    for (const stop of this.stops) stop();
    clearTimeout(this.addressTimer);
    clearTimeout(this.tableTimer);
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.redrawing);
    this.theme.stop();
    this.strip.stop();
    this.bar.stop();
    this.find.stop();
    this.beside.pane.unmount();
    this.first.stop();
    this.reader.destroy();
    this.mounted?.view.destroy();
    this.mounted = null;
    this.element.remove();
    this.host.transport.close();
    this.visits.stop();
  }

  // -- what changes ---------------------------------------------------------------------------------------------------

  private changed(state: Readonly<State>, changed: ReadonlySet<keyof State>): void {
    if ([...changed].some((name) => !POINTED.has(name))) {
      this.app.say(""); // what was said of before
      this.update(changed);
    } else this.reader.update(state, changed, this.host.manifest.notes);
    this.find.update(changed);
    if (changed.has("thumbnails") || changed.has("scale")) this.strip.paint();
    if (changed.has("map")) this.first.choose();
    if (changed.has("view") || changed.has("map") || changed.has("rowAxis") || changed.has("heads")) this.mountView();
    if (this.tableOpen) {
      clearTimeout(this.tableTimer);
      this.tableTimer = setTimeout(() => this.table.update(), TABLE_PAUSE);
    }
    this.stepped ||= STEPS.some((name) => changed.has(name));
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      this.visits.settle(this.address(), this.stepped);
      this.sayVisited();
      this.stepped = false;
    }, ADDRESS_PAUSE);
  }

  private update(changed: ReadonlySet<keyof State>): void {
    const { state } = this.app.store;
    for (const part of this.parts) part.update();
    const several = this.host.manifest.maps[state.map].heads > 1;
    this.bar.update(
      several ? headsText(state.heads) : null,
      views.find(({ name }) => name === state.view)?.title ?? "",
    );
    this.menu.update(state, this.tableOpen, this.theme.chosen);
    this.reader.update(state, changed, this.host.manifest.notes);
  }

  private sayVisited(): void {
    this.menu.visited(this.visits.can(-1), this.visits.can(1));
  }

  /** What is marked, or an end of the colours, has changed. */
  private redrawSoon(): void {
    cancelAnimationFrame(this.redrawing);
    this.redrawing = requestAnimationFrame(() => {
      this.mounted?.view.redraw();
      this.beside.pane.redraw();
    });
  }

  private goTo(address: string): void {
    this.app.store.set(stateOf(address, this.host.manifest, this.start));
    if (!saysToken(address)) this.first.choose();
  }

  private address(): string {
    return addressOf(this.first.unsaid(this.app.store.state, this.start), this.start);
  }

  /** The view that the state asks for; the map where that has nothing to show. */
  private mountView(): void {
    const { store, manifest } = this.app;
    const wanted = views.find((one) => one.name === store.state.view) ?? views[0];
    const reason = wanted.unavailable(manifest, store.state);
    if (reason !== null && wanted !== views[0]) {
      this.app.say(`${wanted.title}: ${reason}`);
      store.set({ view: views[0].name });
      return;
    }
    if (this.mounted?.name === wanted.name) return;
    this.mounted?.view.destroy();
    this.mounted = null;
    this.panel.replaceChildren();
    this.app.describe("");
    this.panel.setAttribute("aria-labelledby", `${this.panel.id}-${wanted.name}`);
    try {
      this.mounted = { name: wanted.name, view: wanted.mount(this.panel, this.app) };
    } catch (error) {
      this.errors.show(error);
    }
  }

  private view(): MountedView {
    if (!this.mounted) throw new Error("there is no view to show; choose another");
    return this.mounted.view;
  }

  private redraw(): void {
    this.strip.paint();
    this.reader.update(this.app.store.state, new Set(), this.host.manifest.notes);
    this.mounted?.view.redraw();
    this.beside.pane.redraw();
  }

  /** A notebook's viewer is as high as its picture wants, up to the height that was asked for; or as its reader drags it. */
  private fit(): void {
    const { kind, height = HEIGHT } = this.host;
    const { style } = this.element;
    if (kind !== "widget" || style.height !== this.fitted) return;
    const wanted = this.mounted?.view.contentHeight?.() ?? null;
    const around = this.element.offsetHeight - this.panel.clientHeight;
    const least = Math.min(height, LEAST_HEIGHT);
    this.fitted = `${wanted === null ? height : Math.round(Math.max(least, Math.min(height, wanted + around)))}px`;
    if (style.height !== this.fitted) style.height = this.fitted;
  }

  private setAddress(address: string): void {
    if (this.host.kind === "widget" || address === location.hash) return;
    try {
      history.replaceState(history.state, "", address || location.pathname + location.search);
    } catch {
      // A page inside another (a notebook's frame) may have no address of its own to change.
    }
  }

  // -- what people do -------------------------------------------------------------------------------------------------

  private listen(): void {
    this.stops.push(hearKeys(this.element, this.app.embedded, (event, inUse) => this.key(event, inUse)));
    const observer = new ResizeObserver(() => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => {
        this.tabs.update();
        this.fit();
        this.mounted?.view.redraw();
        this.beside.pane.redraw();
      });
    });
    observer.observe(this.panel);
    this.stops.push(() => observer.disconnect());
    if (this.host.kind === "widget" || ownsHistory(this.host.kind)) return;
    const moved = () => this.goTo(location.hash);
    addEventListener("hashchange", moved);
    this.stops.push(() => removeEventListener("hashchange", moved));
  }

  private key(event: KeyboardEvent, inUse: boolean): void {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.isComposing || this.help.element.open) return;
    if (takesKeys(target) || isPressed(target, event.key)) return;
    // What had the focus may be gone; of what stands beside the viewer no key is ours.
    if (!event.composedPath().includes(this.element) && !(inUse && target === document.body)) return;
    if (!this.used(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  private used(event: KeyboardEvent): boolean {
    if (event.key === "Escape" && this.tableOpen) {
      this.showTable(false);
      return true;
    }
    if (event.altKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      if (ownsHistory(this.host.kind)) return false; // the browser's own
      this.visits.go(event.key === "ArrowLeft" ? -1 : 1);
      return true;
    }
    if (!this.menu.shortcuts && [...event.key].length === 1) return false; // letters are for other programs
    const { pane } = this.beside;
    const inPane = event.composedPath().includes(pane.element) && pane.view;
    if ((inPane || this.mounted?.view)?.keydown(event)) return true;
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    const { key } = event;
    const view = views[Number(key) - 1];
    if (view) this.tabs.choose(view.name);
    else if (key === "t") this.showTable(!this.tableOpen);
    else if (key === "?") this.openHelp();
    else if (key === "v") this.beside.toggle();
    else if (this.find.used(key)) return true;
    else return changedByKey(key, this.app);
    return true;
  }

  private openHelp(): void {
    this.help.open(views.find((one) => one.name === this.mounted?.name));
  }

  private showTable(open: boolean): void {
    this.tableOpen = open;
    this.table.show(open);
    this.menu.update(this.app.store.state, open, this.theme.chosen);
  }

  // -- elements -------------------------------------------------------------------------------------------------------

  private build(shadow: ShadowRoot): void {
    const { kind, height = HEIGHT } = this.host;
    if (kind === "widget") this.element.style.height = this.fitted = `${height}px`;
    const stage = element("div", "stage");
    stage.append(this.beside.element, this.table.element);
    const body = element("div", "body");
    body.append(stage, this.reader.element);
    this.element.append(this.bar.element, this.errors.element, body, this.help.element);
    shadow.append(this.element);
    for (const part of this.parts) part.update(); // now that they have a size
  }
}

function headsText(heads: readonly number[]): string {
  return heads.length === 1 ? `head ${heads[0]}` : `${heads.length} heads`;
}
