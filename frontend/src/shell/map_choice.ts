/** Which sequence, and which of its maps. */

import type { App, Kind, MapInfo } from "../contract";
import { type Choice, choice, element } from "../elements";
import { brief } from "../labels";
import { goTo, sameMapOf, stepsOf } from "../places";

const KINDS: Record<Kind, string> = {
  encoder: "encoder",
  decoder: "decoder",
  cross: "cross-attention",
  self: "self-attention",
  map: "maps",
};

export class MapChoice {
  readonly element = element("div", "map-choice");
  private readonly item: Choice;
  private readonly map: Choice;
  private readonly step = element("label", "choice step-choice");
  private readonly slider = element("input");
  private readonly stepName = element("span");
  private listed = "";

  constructor(private readonly app: App) {
    const { manifest, store } = app;
    const names = manifest.items.map((name, at) => [String(at), brief(name, 60)] as const);
    this.item = choice("sequence", names, (item) => {
      const map = sameMapOf(manifest, store.state, Number(item));
      if (map >= 0) store.set(goTo(manifest, store.state, map));
      else app.say("there is no map of this sequence");
      this.update();
    });
    this.item.label.hidden = manifest.items.length < 2;
    this.map = choice("map", [], (map) => store.set(goTo(manifest, store.state, Number(map))));
    this.slider.type = "range";
    this.slider.min = "0";
    this.slider.setAttribute("aria-label", "pass of the model, or step");
    this.slider.addEventListener("input", () => {
      const steps = stepsOf(manifest, store.state.map);
      const next = steps[Number(this.slider.value)];
      if (next) store.set(goTo(manifest, store.state, next.map));
    });
    this.step.append(this.stepName, this.slider);
    this.element.append(this.item.label, this.map.label, this.step);
    this.update();
  }

  update(): void {
    const { manifest, store } = this.app;
    const { item, step } = manifest.maps[store.state.map];
    if (`${item} ${step}` !== this.listed) this.list(item, step);
    const steps = stepsOf(manifest, store.state.map);
    const at = steps.findIndex(({ map }) => map === store.state.map);
    this.step.hidden = steps.length < 2;
    this.slider.max = String(Math.max(steps.length - 1, 0));
    this.slider.value = String(at);
    const which = `${steps[at].step + 1} of ${steps[steps.length - 1].step + 1}`;
    this.stepName.replaceChildren(element("i", "", "step "), which); // where there is little room, the number alone
    this.slider.setAttribute("aria-valuetext", `step ${which}`);
    this.item.control.value = String(item);
    this.map.control.value = String(store.state.map);
  }

  /** The maps of a sequence, of one pass of the model. */
  private list(item: number, step: number | undefined): void {
    this.listed = `${item} ${step}`;
    const maps = this.app.manifest.maps
      .map((info, at) => ({ info, at }))
      .filter(({ info }) => info.item === item && info.step === step);
    const kinds = [...new Set(maps.map(({ info }) => info.kind))];
    this.map.control.replaceChildren(
      ...kinds.map((kind) => {
        const group = element("optgroup");
        group.label = KINDS[kind];
        const own = maps.filter(({ info }) => info.kind === kind);
        group.append(...own.map(({ info, at }) => new Option(mapName(info, at), String(at))));
        return group;
      }),
    );
  }
}

export function mapName(info: MapInfo, at: number): string {
  return info.layer === null ? brief(info.name || `map ${at}`, 60) : `${info.kind} layer ${info.layer}`;
}
