// Drawing on the stage: rectangle, polygon and freehand, and moving a region; and what is painted of all regions.
//
// A tool is what `stage.tool` takes: pointerdown, pointermove and pointerup with a point in level-0 pixels, `key`, `cursor`.

import { boxOf, contains, labelPoint, pathOf, polygon, rectangle, shifted } from "./region_shapes.js";
import { coloured, titleOf } from "./region_list.js";

const CLOSE_PX = 10; // a click so near to the first corner closes a polygon
const STEP_PX = 3; // freehand: distance between points
const LABEL_PX = 36; // smaller regions are not labelled
const AGAIN_MS = 350;

export class RegionTools {
  constructor(bench, list) {
    Object.assign(this, { bench, list, points: [], pointer: null, dragged: null, name: null });
    this.classification = "";
    this.labels = new WeakMap();
    bench.stage.painters.add((context, map, density) => this.paint(context, map, density));
    for (const name of ["changed", "picked"]) list.addEventListener(name, () => bench.stage.redraw());
  }

  // name: "rectangle", "polygon", "freehand", "move", or null for none
  use(name) {
    this.name = name === this.name ? null : name;
    this.points = [];
    const tool = this.name && { ...this[this.name](), key: (event) => this.key(event) };
    this.bench.stage.tool = tool || null;
    this.bench.stage.host.style.cursor = tool?.cursor ?? "";
    this.bench.stage.redraw();
    this.list.emit("tool");
  }

  redraw() {
    this.bench.stage.redraw();
  }

  // CSS pixels to level-0 pixels at this zoom
  length(px) {
    return px / (this.bench.viewport()?.scale ?? 1);
  }

  finish(geometry) {
    this.points = [];
    this.pointer = null;
    if (geometry) this.list.add(geometry, this.classification);
    this.redraw();
  }

  // ---- tools

  rectangle() {
    return {
      cursor: "crosshair",
      pointerdown: (at) => (this.points = [at, at]),
      pointermove: (at) => this.points.length && ((this.points = [this.points[0], at]), this.redraw()),
      pointerup: (at) => {
        const [from] = this.points;
        const large = from && Math.min(Math.abs(at.x - from.x), Math.abs(at.y - from.y)) >= Math.max(1, this.length(3));
        this.finish(large ? rectangle(from, at) : null);
      },
    };
  }

  freehand() {
    return {
      cursor: "crosshair",
      pointerdown: (at) => (this.points = [at]),
      pointermove: (at) => {
        const last = this.points[this.points.length - 1];
        if (!last || Math.hypot(at.x - last.x, at.y - last.y) < this.length(STEP_PX)) return;
        this.points.push(at);
        this.redraw();
      },
      pointerup: () => this.finish(this.points.length > 2 ? polygon(this.points.map(({ x, y }) => [x, y])) : null),
    };
  }

  polygon() {
    return {
      cursor: "crosshair",
      pointerdown: (at, event) => {
        const [first] = this.points;
        const near = this.points.length > 2 && Math.hypot(at.x - first.x, at.y - first.y) < this.length(CLOSE_PX);
        const twice = event.timeStamp - (this.clicked ?? -AGAIN_MS) < AGAIN_MS && this.points.length > 2;
        this.clicked = event.timeStamp;
        if (near || twice) return this.close();
        this.points.push(at);
        this.redraw();
      },
      pointermove: (at) => {
        this.pointer = at;
        if (this.points.length) this.redraw();
      },
    };
  }

  close() {
    this.finish(polygon(this.points.map(({ x, y }) => [x, y])));
  }

  move() {
    return {
      cursor: "move",
      pointerdown: (at) => {
        const hit = [...this.list.drawn].reverse().find(({ geometry }) => contains(geometry, at));
        this.list.pick(hit?.id ?? null);
        this.dragged = hit ? { id: hit.id, from: at, geometry: hit.geometry } : null;
      },
      pointermove: (at) => {
        if (!this.dragged) return;
        const { from, geometry } = this.dragged;
        this.dragged.now = shifted(geometry, Math.round(at.x - from.x), Math.round(at.y - from.y));
        this.redraw();
      },
      pointerup: () => {
        const { id, now } = this.dragged ?? {};
        this.dragged = null;
        if (now) this.list.change(id, { geometry: now });
      },
    };
  }

  // Returns whether the key was meant for the drawing.
  key({ key }) {
    const drawing = this.points.length > 0;
    if (key === "Escape") drawing ? this.finish(null) : this.use(null);
    else if (key === "Enter" && drawing && this.name === "polygon") this.close();
    else if (key === "Backspace" && drawing && this.name === "polygon") this.points.pop();
    else if ((key === "Delete" || key === "Backspace") && this.list.drawn.some(({ id }) => id === this.list.picked)) this.list.remove(this.list.picked);
    else return false;
    this.redraw();
    return true;
  }

  // ---- painting

  paint(context, map, density) {
    context.save();
    context.setLineDash([]);
    context.lineJoin = "round";
    const picked = this.list.picked;
    const regions = [...this.list.all].sort((one, other) => (one.id === picked) - (other.id === picked));
    const apart = this.list.truth?.some(({ id }) => id === picked); // one class of the truth: the others step back
    for (const region of regions) {
      const geometry = this.dragged?.id === region.id ? (this.dragged.now ?? region.geometry) : region.geometry;
      context.globalAlpha = apart && region.truth && region.id !== picked ? 0.2 : 1;
      this.outline(context, map, density, geometry, region, region.id === picked);
    }
    context.globalAlpha = 1;
    const open = this.sketch();
    if (open) this.outline(context, map, density, open, { colour: [255, 212, 0] }, true);
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const region of regions) if (!region.truth || region.id === picked) this.label(context, map, density, region);
    context.restore();
  }

  outline(context, map, density, geometry, { colour, truth }, picked) {
    const [e, f] = map.place(0, 0);
    context.setTransform(map.a, map.b, -map.b, map.a, e, f);
    const path = pathOf(geometry);
    const width = truth ? (picked ? 1.8 : 1.5) : picked ? 3.5 : 2; // the truth is full of small outlines
    if (picked) {
      context.fillStyle = coloured(colour).replace(")", " / 0.12)");
      context.fill(path, "evenodd");
    }
    context.strokeStyle = truth && !picked ? "rgb(255 255 255 / 0.55)" : "rgb(0 0 0 / 0.7)";
    context.lineWidth = ((width + 1.6) * density) / map.scale;
    context.stroke(path);
    context.strokeStyle = coloured(colour);
    context.lineWidth = (width * density) / map.scale;
    context.stroke(path);
  }

  // What is being drawn, as a geometry.
  sketch() {
    if (!this.points.length) return null;
    if (this.name === "rectangle") return rectangle(...this.points);
    const points = [...this.points, ...(this.pointer && this.name === "polygon" ? [this.pointer] : [])];
    return { type: "Polygon", coordinates: [points.map(({ x, y }) => [x, y])] };
  }

  label(context, map, density, region) {
    const { w, h } = boxOf(region.geometry);
    if (Math.max(w, h) * map.scale < LABEL_PX * density || this.dragged?.id === region.id) return;
    if (!this.labels.has(region.geometry)) this.labels.set(region.geometry, labelPoint(region.geometry));
    const [x, y] = map.place(...this.labels.get(region.geometry));
    context.font = `600 ${12 * density}px sans-serif`;
    context.textBaseline = "bottom";
    context.textAlign = "center";
    const text = titleOf(region);
    context.lineWidth = 3.5 * density;
    context.strokeStyle = "rgb(255 255 255 / 0.9)";
    context.strokeText(text, x, y - 4 * density);
    context.fillStyle = "#1b1b1b";
    context.fillText(text, x, y - 4 * density);
  }
}
