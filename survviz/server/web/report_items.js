// What a person collects for the report of a case: kept in this browser, per case and checkpoint, until it is removed.

import { drawing, parametersOf, sameMap, second } from "./export_files.js";

const MOST = 40; // as in survviz/server/reports.py
const NAME = "survviz-report";

export class Collected {
  constructor(bench) {
    this.bench = bench;
    this.key = null;
    this.items = [];
  }

  // The list of the case on show; another case has another.
  open() {
    const { id, checkpoint } = this.bench.data.case ?? {};
    const key = `${NAME}|${id}|${checkpoint}`;
    if (key === this.key) return;
    this.key = key;
    this.items = read(key);
  }

  // Returns why it cannot be added, or "".
  add(item) {
    this.open();
    if (this.items.length >= MOST) return `A report holds at most ${MOST} things; remove one first.`;
    const same = JSON.stringify(item);
    if (this.items.some((one) => JSON.stringify(one) === same)) return "This is in the report already.";
    this.items = [...this.items, item];
    return this.keep();
  }

  remove(index) {
    this.items = this.items.filter((_, i) => i !== index);
    this.keep();
  }

  change(index, change) {
    this.items = this.items.map((item, i) => (i === index ? { ...item, ...change } : item));
    this.keep();
  }

  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.items));
      return "";
    } catch {
      return ""; // private windows may have no storage; the list then lasts as long as the page
    }
  }
}

function read(key) {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

const titleOf = ({ view, head, fold }) => {
  const parts = [view.label];
  if (head !== undefined && head !== "mean") parts.push(head === "max" ? "maximum of heads" : `head ${head + 1}`);
  if (fold !== undefined && fold !== "mean") parts.push(fold === "sd" ? "SD over folds" : `fold ${fold + 1}`);
  return parts.join(", ");
};

// The map on show, as it is drawn, with what the second stage shows.
export function mapItem(bench) {
  const { map, slide } = bench;
  const title = `${titleOf(map)} · ${slide.view.slide_id}`;
  return { kind: "map", title, token: map.view.values, ...drawing(bench), ...sameMap(bench, map.view), ...second(bench) };
}

// The selected patch, or the highest of the map on show.
export function patchItem(bench) {
  const { map, slide, selected } = bench;
  const what = selected >= 0 ? `Patch ${selected}` : "The 12 highest patches";
  const { head = "mean", fold = "mean" } = map;
  return { kind: "patches", title: `${what} of ${titleOf(map)} · ${slide.view.slide_id}`, token: map.view.values, head, fold, patches: selected >= 0 ? [selected] : [] };
}

// A table as it stands on the page.
export function tableItem(table, title, caption) {
  const cells = (row) => Array.from(row.cells, (cell) => cell.textContent.trim());
  const [columns, ...rows] = Array.from(table.rows, cells);
  return { kind: "table", title, caption, columns, rows };
}

export function reportUrl(bench, token, form, items) {
  const plain = items.map(({ title, ...item }) => JSON.stringify(item.kind === "table" ? { title, ...item } : item));
  return bench.url(`report/${token}.${form}?${parametersOf({ item: plain })}`);
}
