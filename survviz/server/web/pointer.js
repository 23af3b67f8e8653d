// The pointer over a stage: which patch it is on, clicks, and drawing tools.
//
// While `stage.tool` is set it gets the pointer instead of the viewer: pointerdown, pointermove and pointerup are
// called with ({x, y} in level-0 pixels, event), `cursor` is shown, `key(event)` sees keys first and returns whether it
// took one. The wheel still zooms.

import { element } from "./panel.js";
import { integer, valueText, weight } from "./scales.js";

export class Pointer {
  constructor(stage) {
    this.stage = stage;
    stage.element.addEventListener("pointermove", (event) => this.hover(event));
    stage.element.addEventListener("pointerleave", () => this.hover(null));
    for (const name of ["pointerdown", "pointermove", "pointerup"]) {
      stage.host.addEventListener(name, (event) => this.toTool(name, event), { capture: true });
    }
  }

  // A point of the page in level-0 pixels.
  place(event) {
    const { stage } = this;
    const box = stage.host.getBoundingClientRect();
    const pixel = new stage.OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top);
    const at = stage.osd.viewport.pointFromPixel(pixel, true).times(stage.slide.width);
    return { x: at.x, y: at.y };
  }

  toTool(name, event) {
    const { stage } = this;
    const onOverview = event.composedPath().some((node) => node.classList?.contains("overview"));
    stage.host.style.cursor = stage.tool?.cursor ?? "";
    if (!stage.tool || !stage.isOpen || onOverview) return;
    event.stopPropagation();
    if (name === "pointerdown") stage.host.setPointerCapture(event.pointerId);
    stage.tool[name]?.(this.place(event), event);
  }

  patchAt({ x, y }) {
    return this.stage.map ? this.stage.map.layout.at(x, y) : -1;
  }

  click(event) {
    const { stage } = this;
    if (!event.quick || stage.tool) return;
    stage.unmark();
    const at = stage.osd.viewport.pointFromPixel(event.position, true).times(stage.slide.width);
    stage.on.clicked?.(this.patchAt(at));
  }

  hover(event) {
    const { stage } = this;
    if (stage.on.readout === false) return;
    const covered = event?.composedPath().some((node) => node.classList?.contains("panel") || node.classList?.contains("overview"));
    const index = event && !covered && stage.isOpen ? this.patchAt(this.place(event)) : -1;
    if (index === stage.hovered) return;
    stage.hovered = index;
    stage.readout.hidden = index < 0;
    stage.redraw();
    if (index >= 0) this.read(index);
  }

  read(index) {
    const { map, readout } = this.stage;
    const { values, summary, layout, view } = map;
    const rank = summary.n - Math.round(summary.rank[index] * (summary.n - 1));
    const share = map.nature === "share";
    const whose = view.model ? [element("span", { class: "whose" }, view.label)] : [];
    readout.replaceChildren(
      ...whose,
      element("strong", {}, valueText(map, values[index]) + (share ? " uniform" : "")),
      `${share ? ` · weight ${weight(values[index] * view.uniform)}` : ""} · rank ${integer(rank)} of ${integer(summary.n)}`,
      element("span", { class: "where" }, `x ${integer(layout.corners[2 * index])}, y ${integer(layout.corners[2 * index + 1])}`),
    );
  }
}
