// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type GestureHandlers, listen } from "../src/views/map/gestures";

const handlers = {
  hover: vi.fn<GestureHandlers["hover"]>(),
  leave: vi.fn<GestureHandlers["leave"]>(),
  click: vi.fn<GestureHandlers["click"]>(),
  pan: vi.fn<GestureHandlers["pan"]>(),
  wheels: vi.fn(() => true),
  zoom: vi.fn<GestureHandlers["zoom"]>(() => true),
  box: vi.fn<GestureHandlers["box"]>(),
};
let element: HTMLElement;
let stop: () => void;

beforeEach(() => {
  vi.clearAllMocks();
  element = document.createElement("div");
  element.setPointerCapture = () => {};
  stop = listen(element, handlers);
});

function send(type: string, x: number, y: number, more: PointerEventInit = {}): void {
  const event = { clientX: x, clientY: y, pointerId: 1, pointerType: "mouse", button: 0, ...more };
  element.dispatchEvent(new PointerEvent(type, event));
}
function wheel(more: WheelEventInit): WheelEvent {
  const event = new WheelEvent("wheel", { clientX: 30, clientY: 20, cancelable: true, ...more });
  element.dispatchEvent(event);
  return event;
}

describe("gestures", () => {
  it("the wheel is the page's where it is not ours, but with Ctrl", () => {
    handlers.wheels.mockReturnValueOnce(false);
    expect(wheel({ deltaY: 100 }).defaultPrevented).toBe(false);
    expect(handlers.zoom).not.toHaveBeenCalled();
    expect(wheel({ deltaY: 100, ctrlKey: true }).defaultPrevented).toBe(true);
    expect(handlers.zoom).toHaveBeenCalledOnce();
  });

  it("a press without a move is a click; with one it moves the map by as much", () => {
    send("pointerdown", 10, 10);
    send("pointermove", 12, 11);
    send("pointerup", 12, 11);
    expect(handlers.click).toHaveBeenCalledWith({ x: 12, y: 11 });
    expect(handlers.pan).not.toHaveBeenCalled();
    send("pointerdown", 10, 10);
    for (const [x, y] of [
      [17, 12],
      [30, 5],
    ])
      send("pointermove", x, y);
    send("pointerup", 30, 5);
    const moved = handlers.pan.mock.calls.reduce(([x, y], [dx, dy]) => [x + dx, y + dy], [0, 0]);
    expect(moved).toEqual([20, -5]);
    expect(handlers.click).toHaveBeenCalledTimes(1);
  });

  it("Shift draws a box", () => {
    send("pointerdown", 10, 10, { shiftKey: true });
    send("pointermove", 50, 40);
    send("pointerup", 60, 70);
    expect(handlers.box.mock.calls).toEqual([
      [{ x: 10, y: 10 }, { x: 50, y: 40 }, false],
      [{ x: 10, y: 10 }, { x: 60, y: 70 }, true],
    ]);
    expect(handlers.pan).not.toHaveBeenCalled();
  });

  it("the wheel zooms around the pointer, and lets the page scroll where there is nothing to zoom", () => {
    expect(wheel({ deltaY: -100 }).defaultPrevented).toBe(true);
    const [factor, at] = handlers.zoom.mock.calls[0];
    expect(factor).toBeGreaterThan(1);
    expect(at).toEqual({ x: 30, y: 20 });
    wheel({ deltaY: 100 });
    expect(handlers.zoom.mock.calls[1][0] * factor).toBeCloseTo(1);
    handlers.zoom.mockReturnValueOnce(false);
    expect(wheel({ deltaY: 100 }).defaultPrevented).toBe(false);
    wheel({ deltaX: 40, deltaY: 3 });
    expect(handlers.pan).toHaveBeenCalledWith(-40, 0);
  });

  it("two fingers zoom around their middle", () => {
    send("pointerdown", 100, 100, { pointerId: 1, pointerType: "touch" });
    send("pointerdown", 200, 100, { pointerId: 2, pointerType: "touch" });
    send("pointermove", 300, 100, { pointerId: 2, pointerType: "touch" });
    expect(handlers.zoom).toHaveBeenCalledWith(2, { x: 200, y: 100 });
    send("pointerup", 300, 100, { pointerId: 2, pointerType: "touch" });
    send("pointerup", 100, 100, { pointerId: 1, pointerType: "touch" });
    expect(handlers.click).not.toHaveBeenCalled();
  });

  it("a double click zooms in, with Alt out", () => {
    element.dispatchEvent(new MouseEvent("dblclick", { clientX: 5, clientY: 6 }));
    element.dispatchEvent(new MouseEvent("dblclick", { clientX: 5, clientY: 6, altKey: true }));
    expect(handlers.zoom.mock.calls).toEqual([
      [2, { x: 5, y: 6 }],
      [0.5, { x: 5, y: 6 }],
    ]);
  });

  it("are heard no more once stopped", () => {
    stop();
    send("pointermove", 1, 1);
    wheel({ deltaY: 10 });
    expect(handlers.hover).not.toHaveBeenCalled();
    expect(handlers.zoom).not.toHaveBeenCalled();
  });
});
