/** The picture that stands for a widget until a kernel answers, and where none does. */

import type { NotebookModel } from "./looks";

export interface Still {
  hide(): void;
  show(): void;
  /** Says why there is a picture only. */
  say(text: string): void;
}

/** The pictures in the saved notebook that belong to the widget; where it has none, as in a box, one in `root`. */
export function stillOf(model: NotebookModel, root: HTMLElement): Still {
  const [id, source] = [model.get("still"), model.get("picture")];
  const saved = typeof id === "string" && id !== "" ? document.querySelectorAll<HTMLElement>(`[id="${id}"]`) : [];
  const pictures = [...saved];
  if (pictures.length === 0 && typeof source === "string" && source.startsWith("data:image/png;base64,")) {
    const image = document.createElement("img");
    image.src = source;
    image.alt = "attention";
    image.style.maxWidth = "100%";
    root.append(image);
    pictures.push(image);
  }
  const hidden = (on: boolean) => {
    for (const one of pictures) one.hidden = on;
  };
  return {
    hide: () => {
      hidden(true);
      if (pictures[0]?.parentNode === root) root.replaceChildren();
    },
    show: () => hidden(false),
    say(text) {
      hidden(false);
      const line = document.createElement("p");
      line.textContent = text;
      root.append(line);
    },
  };
}
