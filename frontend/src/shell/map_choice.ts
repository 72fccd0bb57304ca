/** Which sequence, and which of its maps. */

import type { App, Kind, MapInfo } from "../contract";
import { type Choice, choice, element } from "../elements";
import { brief } from "../labels";
import { goTo, sameMapOf } from "../places";

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
  private listed = -1;

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
    this.element.append(this.item.label, this.map.label);
    this.update();
  }

  update(): void {
    const { manifest, store } = this.app;
    const { item } = manifest.maps[store.state.map];
    if (item !== this.listed) this.list(item);
    this.item.control.value = String(item);
    this.map.control.value = String(store.state.map);
  }

  private list(item: number): void {
    this.listed = item;
    const maps = this.app.manifest.maps.map((info, at) => ({ info, at })).filter(({ info }) => info.item === item);
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
