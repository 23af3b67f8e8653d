// Which patches to show beside a map (the same choice as survviz/figures/gallery.py makes), and where their pictures are.

const FIRST = 256; // values that are looked at before more are sorted
export const UM_PER_PIXEL = 0.5; // 20x
const UM_APART = 1000;
const SIDES_APART = 4; // where the pixel size is not known
const LARGEST = 8192; // of the patch route
export const SPREADS = [["none", "as they come"], ["apart", "none touching"], ["mm", "at most one per mm"]];

// 0..n-1 in an order that depends on n and the seed only: sorted by the finaliser of MurmurHash3.
export function shuffled(n, seed = 0) {
  const hashed = new Uint32Array(n);
  const mixed = Math.imul(seed, 0x9e3779b1);
  for (let i = 0; i < n; i++) {
    let h = i ^ mixed;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    hashed[i] = h ^ (h >>> 16);
  }
  return Uint32Array.from(hashed.keys()).sort((a, b) => hashed[a] - hashed[b]);
}

// Indices by value, best first, equal values in their order; NaN left out. Sorted piece by piece, as far as is asked:
// of 100,000 patches a gallery needs a few dozen.
function* ranked(values, lowest) {
  const sorted = values.filter(Number.isFinite).sort();
  const n = sorted.length;
  const better = lowest ? (a, b) => values[a] - values[b] || a - b : (a, b) => values[b] - values[a] || a - b;
  let beyond = lowest ? -Infinity : Infinity;
  for (let count = FIRST; n; count *= 8) {
    const all = count >= n;
    const limit = all ? (lowest ? Infinity : -Infinity) : sorted[lowest ? count - 1 : n - count];
    const piece = [];
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value)) continue;
      if (lowest ? value > beyond && value <= limit : value < beyond && value >= limit) piece.push(i);
    }
    yield* piece.sort(better);
    if (all) return;
    beyond = limit;
  }
}

// Level-0 pixels between two shown patches of a slide.
export function leastDistance(spread, side, mpp) {
  if (spread === "mm") return mpp ? UM_APART / mpp : SIDES_APART * side;
  return spread === "apart" ? 2 * side : 0;
}

// The patches to show of maps [{values, layout, mpp}] together: [{part, index}], best first; `spread` is within a slide.
export function pick(parts, which, count, spread) {
  const starts = [];
  let total = 0;
  for (const { values } of parts) {
    starts.push(total);
    total += values.length;
  }
  const values = new Float32Array(total);
  parts.forEach((part, i) => values.set(part.values, starts[i]));
  const order = which === "random" ? shuffled(total) : ranked(values, which === "bottom");
  const distances = parts.map(({ layout, mpp }) => leastDistance(spread, layout.patch, mpp));
  const taken = parts.map(() => []);
  const chosen = [];
  for (const at of order) {
    if (!Number.isFinite(values[at])) continue;
    const part = starts.findLastIndex((start) => start <= at);
    const index = at - starts[part];
    const { corners } = parts[part].layout;
    const [x, y] = [corners[2 * index], corners[2 * index + 1]];
    if (taken[part].some(([u, v]) => Math.max(Math.abs(u - x), Math.abs(v - y)) < distances[part])) continue;
    taken[part].push([x, y]);
    chosen.push({ part, index });
    if (chosen.length === count) break;
  }
  return chosen;
}

// Rank 1 = the highest of the case; ties share the middle of their ranks.
export const rankOf = ({ summary }, index) => summary.n - Math.round(summary.rank[index] * (summary.n - 1));

// Picture of a square of level-0 pixels; null without a slide file.
export function imageUrl(bench, token, x, y, side, px) {
  return token ? bench.url(`patch/${token}/${x}_${y}_${side}.jpg?px=${px}`) : null;
}

// Pixels that show a square of so many level-0 pixels at 20x, within what the route makes.
export function pixelsAt20(side, mpp) {
  return mpp ? Math.min(Math.max(Math.round((side * mpp) / UM_PER_PIXEL), 64), 512) : 256;
}

// A square around a patch, `times` as wide; as wide as the route allows.
export function around({ x, y, w }, times) {
  const factor = Math.min(times, Math.floor(LARGEST / w));
  const reach = Math.round((w * (factor - 1)) / 2);
  return { x: x - reach, y: y - reach, side: w + 2 * reach, factor: (w + 2 * reach) / w };
}

// Attributes of a control that points at something while the pointer or the focus is on it.
export function pointing(tell) {
  const [on, off] = [() => tell(true), () => tell(false)];
  return { onmouseenter: on, onmouseleave: off, onfocus: on, onblur: off };
}

export const slideWith = (bench, slide_id) => bench.data.slides.find(({ view }) => view.slide_id === slide_id);

// Show a patch of any slide of the case: there, marked, and its card open.
export async function visit(bench, slide_id, index, { zoom = true } = {}) {
  if (slide_id !== bench.slide?.view.slide_id) await bench.showSlide(slide_id);
  bench.select(index, { zoom });
  bench.emit("open", { tab: "card" });
}
