import { expect, test } from "vitest";
import table from "../../../tests/support/cell_content.json";
import { type Section, sectionsOf } from "../src/protocol/cell_content";
import { CELL_KINDS, type Cell, roleOf, textForm } from "../src/protocol/model";
import { renderBody } from "../src/views/transcript/body";
import { asMarkdown, searchText } from "../src/views/transcript/cell_text";
import { headline } from "../src/views/transcript/summary";
import { services } from "./markdown/write";

interface Row {
  cell: Cell;
  role: string;
  form: string;
  sections: Section[];
}
const ROWS = table as unknown as Row[];

test("both halves find the same sections in the same cells", () => {
  for (const { cell, role, form, sections } of ROWS) {
    expect({ role: roleOf(cell), form: textForm(cell), sections: sectionsOf(cell) }, cell.kind).toEqual({
      role,
      form,
      sections,
    });
  }
});

test("the kernel and the page know the same kinds of cells", () => {
  expect(new Set(CELL_KINDS)).toEqual(new Set(ROWS.map(({ cell }) => cell.kind)));
});

test("every view of a page shows a cell of each kind, with all that it may have", () => {
  const el = document.createElement("div");
  for (const { cell, sections } of ROWS) {
    renderBody(el, cell, services());
    expect(el.textContent, JSON.stringify(cell)).not.toContain("could not be shown as usual");
    expect(el.childElementCount > 0, JSON.stringify(cell)).toBe(sections.length > 0);
    expect(searchText(cell)).toContain(cell.text);
    expect(asMarkdown(cell)).toContain(cell.text);
    expect(typeof headline(cell)).toBe("string");
  }
});
