// From a value (fold over uniform attention) to a place 0..1 on the colour table, and the words beside the colours.

const number = new Intl.NumberFormat("en-US");

export const integer = (value) => number.format(value);

export function times(fold) {
  if (fold === 0) return "0×";
  if (fold >= 100) return `${integer(Math.round(fold))}×`;
  if (fold >= 0.01) return `${Number(fold.toPrecision(2))}×`;
  return `${fold.toExponential(1)}×`;
}

export const weight = (value) => (value === 0 ? "0" : value >= 0.01 ? value.toPrecision(2) : value.toExponential(1));

// Ranks 0..1 with ties averaged, and how concentrated the map is. Patches without a value are left out.
export function summarise(values, nCase) {
  const order = Uint32Array.from(values.keys()).filter((i) => Number.isFinite(values[i]));
  order.sort((a, b) => values[a] - values[b]);
  const n = order.length;
  const rank = new Float32Array(values.length).fill(NaN);
  for (let start = 0; start < n; ) {
    let end = start;
    while (end + 1 < n && values[order[end + 1]] === values[order[start]]) end++;
    for (let i = start; i <= end; i++) rank[order[i]] = n > 1 ? (start + end) / 2 / (n - 1) : 1;
    start = end + 1;
  }
  let total = 0;
  let entropy = 0;
  for (const i of order) total += values[i];
  for (const i of order) if (values[i] > 0) entropy -= (values[i] / total) * Math.log(values[i] / total);
  const top = Math.max(1, Math.round(n / 100));
  let held = 0;
  for (let i = n - top; i < n; i++) held += values[order[i]];
  const quantile = (q) => values[order[Math.min(n - 1, Math.floor(q * n))]];
  return {
    n,
    nCase,
    rank,
    max: n ? values[order[n - 1]] : 0,
    effective: n ? Math.exp(entropy) : 0,
    top,
    topShare: total > 0 ? held / total : 0,
    flat: n > 1 && Math.log2(quantile(0.95) / quantile(0.05)) < 0.5,
  };
}

const fraction = (log2) => (log2 < 0 ? `1/${2 ** -log2}×` : `${2 ** log2}×`);

export const SCALES = {
  fold: {
    label: "Times uniform (log₂)",
    title: "Attention ÷ uniform",
    place: (fold, index, map, range) => (Math.log2(fold) + range) / (2 * range),
    ticks: (map, range) =>
      [0, 0.25, 0.5, 0.75, 1].map((at) => {
        const log2 = (2 * at - 1) * range;
        const text = Number.isInteger(log2) ? fraction(log2) : times(2 ** log2);
        return { at, text: at === 0 ? `≤ ${text}` : at === 1 ? `≥ ${text}` : text };
      }),
    at: (t, map, range) => times(2 ** ((2 * t - 1) * range)),
    note: "",
  },
  rank: {
    label: "Percentile (rank only)",
    title: "Rank among the slide’s patches",
    place: (fold, index, map) => map.summary.rank[index],
    ticks: () => [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: `${100 * at} %` })),
    at: (t) => `the top ${Math.round(100 * (1 - t))} %`,
    note: "Rank only: always shows 10 % of the patches as top, even where all are alike.",
  },
  raw: {
    label: "Raw weight (linear)",
    title: "Attention weight",
    place: (fold, index, map) => fold / map.summary.max,
    ticks: (map) =>
      [0, 0.5, 1].map((at) => ({ at, text: weight((at * map.summary.max) / map.summary.nCase) })),
    at: (t, map) => weight((t * map.summary.max) / map.summary.nCase),
    note: "Weights sum to 1 over all patches of the case.",
  },
};

export const clamp = (value) => Math.min(Math.max(value, 0), 1);

// Length of the scale bar: the largest 1, 2 or 5 times a power of ten that fits.
export function scaleBar(umPerPixel, widest) {
  const most = umPerPixel * widest;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].find((step) => step * power <= most) * power;
  return { length, px: length / umPerPixel, text: length >= 1000 ? `${length / 1000} mm` : `${length} µm` };
}
