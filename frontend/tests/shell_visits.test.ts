// @vitest-environment jsdom
import { afterEach, describe, expect, it } from "vitest";
import { browserVisits, ownVisits } from "../src/shell/visits";

afterEach(() => history.replaceState(null, "", location.pathname));

describe("places of our own", () => {
  it("are gone back to and forward, and a new one ends what came after", () => {
    const [heard, written]: [string[], string[]] = [[], []];
    const visits = ownVisits(
      "",
      (address) => heard.push(address),
      (address) => written.push(address),
    );
    visits.settle("#a", true);
    visits.settle("#a2", false);
    visits.settle("#b", true);
    expect([visits.can(-1), visits.can(1)]).toEqual([true, false]);
    visits.go(-1);
    visits.go(-1);
    visits.go(-1);
    visits.go(1);
    expect(heard).toEqual(["#a2", "", "#a2"]);
    visits.settle("#c", true);
    expect(visits.can(1)).toBe(false);
    expect(written.at(-1)).toBe("#c");
  });
});

describe("places of the browser's history", () => {
  it("are pushed for steps, replaced for moves, and gone back to", async () => {
    const heard: string[] = [];
    const visits = browserVisits((address) => heard.push(address));
    const before = history.length;
    visits.settle("#view=text", true);
    visits.settle("#view=text&query=3", false);
    expect(history.length).toBe(before + 1);
    visits.settle("#view=map", true);
    visits.settle("#view=map", true); // nothing new
    expect(history.length).toBe(before + 2);
    expect(visits.can(-1)).toBe(true);
    visits.go(-1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(location.hash).toBe("#view=text&query=3");
    expect(heard).toEqual(["#view=text&query=3"]);
    expect(visits.can(1)).toBe(true);
    visits.stop();
    expect(location.hash).toBe("");
  });
});
