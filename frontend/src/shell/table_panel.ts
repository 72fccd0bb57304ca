/** What is on screen as a table, for those who read rather than look. */

import type { TextTable } from "../contract";
import { button, element } from "../elements";

export class TablePanel {
  readonly element = element("section", "table-panel");
  private readonly holder = element("div", "table-holder");
  private turn = 0;

  constructor(
    private readonly read: () => Promise<TextTable>,
    private readonly fail: (error: unknown) => void,
    close: () => void,
  ) {
    this.element.hidden = true;
    this.element.setAttribute("aria-label", "table of what is shown");
    this.holder.tabIndex = 0;
    this.holder.setAttribute("role", "region");
    this.holder.setAttribute("aria-label", "table");
    this.element.append(button("Close table", "", close), this.holder);
  }

  show(open: boolean): void {
    this.element.hidden = !open;
    if (open) void this.update();
  }

  async update(): Promise<void> {
    if (this.element.hidden) return;
    const turn = ++this.turn;
    try {
      const table = await this.read();
      if (turn === this.turn) this.holder.replaceChildren(tableElement(table));
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }
}

export function tableElement({ caption, columns, rows }: TextTable): HTMLTableElement {
  const table = element("table");
  table.createCaption().textContent = caption;
  const head = table.createTHead().insertRow();
  for (const column of columns) {
    const cell = element("th", "", column);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((text, at) => {
      const cell = element(at === 0 ? "th" : "td", "", text);
      if (at === 0) (cell as HTMLTableCellElement).scope = "row";
      line.append(cell);
    });
  }
  return table;
}
