/** Pointer and wheel as what they mean for a map. Points are CSS pixels from the corner of the element. */

export interface Point {
  x: number;
  y: number;
}

export interface GestureHandlers {
  /** The pointer moves, and nothing is pressed. */
  hover(at: Point): void;
  leave(): void;
  click(at: Point): void;
  pan(dx: number, dy: number): void;
  /** Whether there was anything to zoom: if not, the page may scroll. */
  zoom(factor: number, at: Point): boolean;
  /** Whether the wheel is ours: else the page scrolls. Touchpads pinch as a wheel with Ctrl, which is always ours. */
  wheels(): boolean;
  /** The box that is being drawn; `done` when it is let go. */
  box(from: Point, to: Point, done: boolean): void;
}

const CLICK_PIXELS = 4;
/** Zoom a pixel of the wheel, and a wheel's line in pixels. */
const WHEEL = 0.0022;
const LINE_PIXELS = 20;
const PAGE_PIXELS = 400;

/** Listens on an element; returns how to stop. */
export function listen(element: HTMLElement, handlers: GestureHandlers): () => void {
  /** On the screen, and not in the element, which a drag may scroll. */
  const down = new Map<number, Point>();
  let start: Point | null = null;
  let boxing = false;
  let moved = false;

  const pointOf = (event: MouseEvent): Point => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const onScreen = (event: MouseEvent): Point => ({ x: event.clientX, y: event.clientY });

  const onDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, onScreen(event));
    if (down.size === 1) {
      start = pointOf(event);
      boxing = event.shiftKey;
      moved = false;
    } else {
      boxing = false;
      moved = true;
    }
  };

  const onMove = (event: PointerEvent) => {
    const at = pointOf(event);
    const before = down.get(event.pointerId);
    if (!before) {
      if (down.size === 0) handlers.hover(at);
      return;
    }
    if (start && !moved && Math.hypot(at.x - start.x, at.y - start.y) < CLICK_PIXELS) return;
    moved = true;
    const here = onScreen(event);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, here);
    if (other) {
      const spread = (one: Point) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
      handlers.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
      const middle = { x: at.x + (other.x - here.x) / 2, y: at.y + (other.y - here.y) / 2 };
      handlers.zoom(spread(here) / spread(before), middle);
    } else if (boxing && start) handlers.box(start, at, false);
    else handlers.pan(here.x - before.x, here.y - before.y);
  };

  const onUp = (event: PointerEvent) => {
    if (!down.delete(event.pointerId) || down.size > 0) return;
    const at = pointOf(event);
    if (event.type === "pointerup" && start) {
      if (!moved) handlers.click(at);
      else if (boxing) handlers.box(start, at, true);
    } else if (boxing && start) handlers.box(start, start, true);
    start = null;
    boxing = false;
    if (event.pointerType !== "mouse") handlers.leave();
  };

  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !handlers.wheels()) return;
    const unit = event.deltaMode === 1 ? LINE_PIXELS : event.deltaMode === 2 ? PAGE_PIXELS : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (!event.ctrlKey && Math.abs(dx) > Math.abs(dy)) {
      handlers.pan(-dx, 0);
      event.preventDefault();
      return;
    }
    // A pinch on a touchpad comes as a wheel with Ctrl, in smaller steps.
    const factor = Math.exp(-Math.max(-240, Math.min(240, dy)) * WHEEL * (event.ctrlKey ? 4 : 1));
    if (handlers.zoom(factor, pointOf(event)) || event.ctrlKey) event.preventDefault();
    // At the edges of the map another cell comes to lie under the pointer.
    if (down.size === 0) handlers.hover(pointOf(event));
  };

  const onDouble = (event: MouseEvent) => {
    handlers.zoom(event.altKey || event.shiftKey ? 0.5 : 2, pointOf(event));
    event.preventDefault();
  };
  const onLeave = () => {
    if (down.size === 0) handlers.leave();
  };

  const listeners: [string, EventListener, AddEventListenerOptions?][] = [
    ["pointerdown", onDown as EventListener],
    ["pointermove", onMove as EventListener],
    ["pointerup", onUp as EventListener],
    ["pointercancel", onUp as EventListener],
    ["pointerleave", onLeave],
    ["wheel", onWheel as EventListener, { passive: false }],
    ["dblclick", onDouble as EventListener],
  ];
  for (const [name, listener, options] of listeners) element.addEventListener(name, listener, options);
  return () => {
    for (const [name, listener] of listeners) element.removeEventListener(name, listener);
  };
}
