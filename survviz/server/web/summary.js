// Ranks, ends of scales, and how concentrated a map is, over all slides of the case together.

const FLAT_SHARE = 0.9; // as in survviz/explain/concentration.py
const CLIP = 0.99;

// One summary per part (slide); all share the numbers of the case, each has the ranks of its own patches.
// Patches without a value are left out. Of a signed map, concentration is that of the sizes.
export function summarise(parts, signed = false) {
  const known = Float32Array.from(parts.flatMap((part) => Array.from(part).filter(Number.isFinite))).sort();
  const sizes = signed ? known.map(Math.abs).sort() : known;
  const n = known.length;
  let total = 0;
  for (const size of sizes) total += size;
  let entropy = 0;
  for (const size of sizes) if (size > 0) entropy -= (size / total) * Math.log(size / total);
  const top = Math.max(1, Math.round(n / 100));
  let held = 0;
  for (let i = Math.max(0, n - top); i < n; i++) held += sizes[i];
  const effective = n && total > 0 ? Math.exp(entropy) : 0;
  const shared = {
    n,
    max: n ? known[n - 1] : 0,
    min: n ? known[0] : 0,
    clip: n ? sizes[Math.ceil(CLIP * (n - 1))] || sizes[n - 1] || 1 : 1,
    total,
    top,
    effective,
    topShare: total > 0 ? held / total : 0,
    flat: n > 1 && effective > FLAT_SHARE * n,
  };
  return parts.map((part) => {
    let sum = 0;
    for (const value of part) if (Number.isFinite(value)) sum += Math.abs(value);
    const sizeRank = signed ? ranks(part.map(Math.abs), sizes) : null;
    return { ...shared, share: total > 0 ? sum / total : 0, rank: ranks(part, known), sizeRank };
  });
}

// Ranks 0..1 among the sorted values, with ties averaged; NaN stays NaN.
function ranks(values, sorted) {
  const n = sorted.length;
  return Float32Array.from(values, (value) => {
    if (!Number.isFinite(value)) return NaN;
    if (n === 1) return 1;
    return (bound(sorted, value, false) + bound(sorted, value, true) - 1) / 2 / (n - 1);
  });
}

// How many sorted values are smaller than `value`, or not larger if `included`.
function bound(sorted, value, included) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value || (included && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
