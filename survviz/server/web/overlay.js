// Patches on top of OpenSeadragon: colours from one number per patch, and boxes. Pure geometry in level-0 pixels.

// Where the patches are. On a regular grid they become one small image with a pixel per patch, so that a frame costs
// one drawImage; otherwise (overlaps, several origins) every visible patch is a rectangle. Both are exact.
export class Layout {
  constructor(corners, patch) {
    this.corners = corners;
    this.patch = patch;
    this.n = corners.length / 2;
    this.x0 = this.y0 = Infinity;
    let right = -Infinity;
    let bottom = -Infinity;
    for (let i = 0; i < this.n; i++) {
      this.x0 = Math.min(this.x0, corners[2 * i]);
      this.y0 = Math.min(this.y0, corners[2 * i + 1]);
      right = Math.max(right, corners[2 * i]);
      bottom = Math.max(bottom, corners[2 * i + 1]);
    }
    this.columns = this.n ? Math.floor((right - this.x0) / patch) + 1 : 0;
    this.rows = this.n ? Math.floor((bottom - this.y0) / patch) + 1 : 0;
    this.cells = new Map(); // cell -> patches whose corner lies in it
    this.regular = this.columns * this.rows <= 16e6;
    for (let i = 0; i < this.n; i++) {
      const dx = corners[2 * i] - this.x0;
      const dy = corners[2 * i + 1] - this.y0;
      const cell = this.cell(Math.floor(dx / patch), Math.floor(dy / patch));
      const others = this.cells.get(cell);
      if (others) others.push(i);
      else this.cells.set(cell, [i]);
      if (others || dx % patch || dy % patch) this.regular = false;
    }
  }

  cell(column, row) {
    return row * this.columns + column;
  }

  // The patch at a level-0 point, or -1. The last drawn wins where patches overlap.
  at(x, y) {
    const column = Math.floor((x - this.x0) / this.patch);
    const row = Math.floor((y - this.y0) / this.patch);
    let found = -1;
    for (const [dc, dr] of [[0, 0], [-1, 0], [0, -1], [-1, -1]]) {
      if (column + dc < 0 || column + dc >= this.columns) continue;
      for (const i of this.cells.get(this.cell(column + dc, row + dr)) ?? []) {
        const dx = x - this.corners[2 * i];
        const dy = y - this.corners[2 * i + 1];
        if (dx >= 0 && dy >= 0 && dx < this.patch && dy < this.patch) found = Math.max(found, i);
      }
    }
    return found;
  }
}

// RGBA per patch; alpha is 255 or 0, because opacity is one number for the whole layer. `shown(place)` says which.
export function colourise(places, table, shown) {
  const colours = new Uint8ClampedArray(4 * places.length);
  for (let i = 0; i < places.length; i++) {
    const t = places[i];
    if (Number.isNaN(t) || !shown(t)) continue;
    const entry = 3 * Math.round(255 * Math.min(Math.max(t, 0), 1));
    colours[4 * i] = table[entry];
    colours[4 * i + 1] = table[entry + 1];
    colours[4 * i + 2] = table[entry + 2];
    colours[4 * i + 3] = 255;
  }
  return colours;
}

// One image of a regular layout's colours.
export function gridImage(layout, colours) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, layout.columns);
  canvas.height = Math.max(1, layout.rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const source = new Uint32Array(colours.buffer);
  for (const [cell, patches] of layout.cells) pixels[cell] = source[patches[0]];
  context.putImageData(image, 0, 0);
  return canvas;
}

// The affine map from level-0 pixels to canvas pixels at this instant, rotation included.
export function imageToCanvas(OpenSeadragon, viewport, width, density) {
  const point = (x, y) => viewport.pixelFromPoint(new OpenSeadragon.Point(x, y), true);
  const origin = point(0, 0);
  const right = point(1, 0);
  const scale = density / width;
  const a = (right.x - origin.x) * scale;
  const b = (right.y - origin.y) * scale;
  const e = origin.x * density;
  const f = origin.y * density;
  return {
    a, b, e, f,
    scale: Math.hypot(a, b), // canvas pixels per level-0 pixel
    place: (x, y) => [a * x - b * y + e, b * x + a * y + f],
    invert: (px, py) => {
      const dx = px - e;
      const dy = py - f;
      const square = a * a + b * b;
      return [(a * dx + b * dy) / square, (a * dy - b * dx) / square];
    },
  };
}

function visible(map, canvas) {
  const corners = [[0, 0], [canvas.width, 0], [0, canvas.height], [canvas.width, canvas.height]];
  const points = corners.map(([x, y]) => map.invert(x, y));
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

// Paint a layer {layout, image, colours} onto a canvas.
export function paintLayer(canvas, map, layer, smooth) {
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!layer || !layer.layout.n) return;
  const { layout } = layer;
  const view = visible(map, canvas);
  const first = (low, origin) => Math.max(0, Math.floor((low - origin) / layout.patch) - 2);
  const last = (high, origin, count) => Math.min(count, Math.ceil((high - origin) / layout.patch) + 2);
  const c0 = first(view.left, layout.x0);
  const c1 = last(view.right, layout.x0, layout.columns);
  const r0 = first(view.top, layout.y0);
  const r1 = last(view.bottom, layout.y0, layout.rows);
  if (c1 <= c0 || r1 <= r0) return;
  const side = layout.patch;
  // the origin is the first visible cell, so that coordinates stay small however far into the slide one is
  const originX = layout.x0 + c0 * side;
  const originY = layout.y0 + r0 * side;
  const [e, f] = map.place(originX, originY);
  context.setTransform(map.a, map.b, -map.b, map.a, e, f);
  if (layout.regular) {
    context.imageSmoothingEnabled = smooth || side * map.scale < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(layer.image, c0, r0, c1 - c0, r1 - r0, 0, 0, (c1 - c0) * side, (r1 - r0) * side);
    return;
  }
  for (let row = r0; row < r1; row++) {
    for (let column = c0; column < c1; column++) {
      for (const i of layout.cells.get(layout.cell(column, row)) ?? []) {
        if (!layer.colours[4 * i + 3]) continue;
        context.fillStyle = `rgb(${layer.colours[4 * i]} ${layer.colours[4 * i + 1]} ${layer.colours[4 * i + 2]})`;
        context.fillRect(layout.corners[2 * i] - originX, layout.corners[2 * i + 1] - originY, side, side);
      }
    }
  }
}

// Outlines [{x, y, w, h, colour, width, dash}] in level-0 pixels, with a dark edge so that they show on any tissue.
export function paintBoxes(canvas, map, boxes, density) {
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const { x, y, w, h, colour, width = 2, dash = [] } of boxes) {
    const path = new Path2D();
    const corners = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]].map(([px, py]) => map.place(px, py));
    corners.forEach(([px, py], i) => (i ? path.lineTo(px, py) : path.moveTo(px, py)));
    path.closePath();
    context.setLineDash(dash.map((length) => length * density));
    context.lineJoin = "miter";
    context.strokeStyle = "rgb(0 0 0 / 0.75)";
    context.lineWidth = (width + 2) * density;
    context.stroke(path);
    context.strokeStyle = colour;
    context.lineWidth = width * density;
    context.stroke(path);
  }
}
