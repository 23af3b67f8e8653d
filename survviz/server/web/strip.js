// The slides of the case: a thumbnail of each, with its share of the map's attention; only where there are several.

import { element } from "./panel.js";

export function panel(bench) {
  const node = element("div", { class: "strip", role: "listbox", "aria-label": "Slides of the case" });
  return node;
}
