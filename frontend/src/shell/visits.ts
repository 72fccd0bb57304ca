/** Back and forward between what was looked at: by the browser's own buttons where the page is ours, else within the viewer. */

export interface Visits {
  /** What is looked at now has this address; `step` says whether it is a place to come back to, or the last one changed a little. */
  settle(address: string, step: boolean): void;
  /** Whether there is a place before, or after. */
  can(by: -1 | 1): boolean;
  go(by: -1 | 1): void;
  /** Leaves the address as it was before the viewer. */
  stop(): void;
}

/** The part of the browser's history that is the viewer's own. */
interface Marked {
  regard: { at: number; last: number };
}

/** Whether the history of the window is ours to write: not inside another page, whose Back button it would use up. */
export function ownsHistory(kind: "page" | "widget" | "server"): boolean {
  if (kind === "widget") return false;
  try {
    return window.parent === window && location.origin !== "null";
  } catch {
    return false;
  }
}

/** Places as entries of the browser's history. `heard` is told the address of the one that is gone to. */
export function browserVisits(heard: (address: string) => void): Visits {
  let { at, last } = (history.state as Marked | null)?.regard ?? { at: 0, last: 0 };
  const plain = () => location.pathname + location.search;
  const marked = () => ({ ...(history.state as object | null), regard: { at, last } });
  const moved = () => {
    const found = (history.state as Marked | null)?.regard;
    // An address that somebody typed has no mark: it is a place after the last.
    if (found) ({ at } = found);
    else {
      last = ++at;
      history.replaceState(marked(), "");
    }
    heard(location.hash);
  };
  addEventListener("popstate", moved);
  return {
    settle(address, step) {
      if (address === location.hash) return;
      if (step) {
        last = ++at;
        history.pushState(marked(), "", address || plain());
      } else history.replaceState(marked(), "", address || plain());
    },
    can: (by) => (by < 0 ? at > 0 : at < last),
    go: (by) => history.go(by),
    stop() {
      removeEventListener("popstate", moved);
      if (location.hash) history.replaceState(null, "", plain());
    },
  };
}

/** Most places that are remembered here. */
const MOST = 100;

/** Places in a list of our own; the address of the window is written where that is allowed, and never added to. */
export function ownVisits(start: string, heard: (address: string) => void, write: (address: string) => void): Visits {
  let places = [start];
  let at = 0;
  return {
    settle(address, step) {
      if (address === places[at]) return;
      if (step) {
        places = [...places.slice(0, at + 1), address].slice(-MOST);
        at = places.length - 1;
      } else places[at] = address;
      write(address);
    },
    can: (by) => places[at + by] !== undefined,
    go(by) {
      if (places[at + by] === undefined) return;
      at += by;
      write(places[at]);
      heard(places[at]);
    },
    stop: () => write(""),
  };
}
