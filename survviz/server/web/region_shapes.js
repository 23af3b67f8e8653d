// Geometry of regions in level-0 pixels: outlines as paths, boxes, hits; all polygons may have holes.

const paths = new WeakMap(); // geometry -> Path2D
const boxes = new WeakMap();

export const polygonsOf = ({ type, coordinates }) => (type === "MultiPolygon" ? coordinates : [coordinates]);

export function rectangle({ x: x0, y: y0 }, { x: x1, y: y1 }) {
  const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)].map(Math.round);
  return polygon([[left, top], [right, top], [right, bottom], [left, bottom]]);
}

// A closed polygon of whole pixels, without points that say nothing; null where too few are left.
export function polygon(points) {
  const ring = [];
  for (const [x, y] of points.map((point) => point.map(Math.round))) {
    const last = ring[ring.length - 1];
    if (!last || last[0] !== x || last[1] !== y) ring.push([x, y]);
  }
  const distinct = new Set(ring.map(String));
  if (distinct.size < 3) return null;
  if (String(ring[0]) !== String(ring[ring.length - 1])) ring.push([...ring[0]]);
  return { type: "Polygon", coordinates: [ring] };
}

export function shifted(geometry, dx, dy) {
  const ring = (points) => points.map(([x, y]) => [x + dx, y + dy]);
  const coordinates = geometry.type === "MultiPolygon" ? geometry.coordinates.map((one) => one.map(ring)) : geometry.coordinates.map(ring);
  return { ...geometry, coordinates };
}

export function pathOf(geometry) {
  if (!paths.has(geometry)) {
    const path = new Path2D();
    for (const rings of polygonsOf(geometry)) {
      for (const ring of rings) {
        ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
        path.closePath();
      }
    }
    paths.set(geometry, path);
  }
  return paths.get(geometry);
}

export function boxOf(geometry) {
  if (!boxes.has(geometry)) {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [shell] of polygonsOf(geometry)) {
      for (const [x, y] of shell) {
        [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      }
    }
    boxes.set(geometry, { x: left, y: top, w: right - left, h: bottom - top });
  }
  return boxes.get(geometry);
}

// Whether a point lies in the area; holes are outside (even-odd).
export function contains(geometry, { x, y }) {
  const box = boxOf(geometry);
  if (x < box.x || y < box.y || x > box.x + box.w || y > box.y + box.h) return false;
  let inside = false;
  for (const rings of polygonsOf(geometry)) {
    for (const ring of rings) {
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
        const [xi, yi] = ring[i];
        const [xj, yj] = ring[j];
        if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
      }
    }
  }
  return inside;
}

// Where a label goes: the topmost point of the largest polygon (by its box).
export function labelPoint(geometry) {
  const size = ([shell]) => {
    const { w, h } = boxOf({ type: "Polygon", coordinates: [shell] });
    return w * h;
  };
  const [shell] = polygonsOf(geometry).reduce((best, one) => (size(one) > size(best) ? one : best));
  return shell.reduce((best, point) => (point[1] < best[1] ? point : best));
}
