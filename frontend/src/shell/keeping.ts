/** What a reader takes away: the table, or the picture, as a file or on the clipboard. */

import { bothPictures } from "../compare/both_pictures";
import type { App, MountedView } from "../contract";
import { mapText } from "../shown";
import { commaSeparated, copyText, download, fileName, frameNote, pngOf, tabSeparated } from "./saving";

export class Keeping {
  constructor(
    private readonly app: App,
    private readonly near: HTMLElement,
    private readonly view: () => MountedView,
    /** The picture beside it; null where there is none. */
    private readonly second: () => MountedView | null,
  ) {}

  /** What is seen as a document: the picture, and the one beside it. */
  async picture(): Promise<string> {
    const first = await this.view().svg();
    const second = await this.second()?.svg();
    if (second === undefined) return first;
    const { compare } = this.app.store.state;
    return bothPictures([first, second], ["A", compare === "difference" ? "A − B" : "B"], this.app.palette);
  }

  copy(): void {
    this.attempt(async () => {
      const table = await this.view().table(true);
      await copyText(tabSeparated(table), this.near);
      this.app.say(`copied: ${table.caption}`);
    });
  }

  csv(): void {
    this.save("csv", async () => textBlob(commaSeparated(await this.view().table(true)), "text/csv"));
  }

  png(): void {
    this.save("png", async () => pngOf(await this.picture()));
  }

  svg(): void {
    this.save("svg", async () => textBlob(await this.picture(), "image/svg+xml"));
  }

  private attempt(action: () => Promise<void>): void {
    action().catch((error) => this.app.fail(error));
  }

  /** Hands a file to the reader, or says why the page cannot. */
  private save(ending: string, made: () => Promise<Blob>): void {
    this.attempt(async () => {
      const { forbidden, text } = frameNote();
      if (!forbidden) download(this.name(ending), await made());
      if (text !== "") this.app.say(text);
    });
  }

  private name(ending: string): string {
    const { manifest, store } = this.app;
    const { map, heads, view } = store.state;
    return fileName([manifest.title, mapText(manifest.maps[map], heads), view], ending);
  }
}

function textBlob(text: string, type: string): Blob {
  return new Blob([text], { type });
}
