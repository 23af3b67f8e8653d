// From the values of a map to places 0..1 on the colour table, and the words beside the colours.

const number = new Intl.NumberFormat("en-US");

export const integer = (value) => number.format(value);
export const clamp = (value) => Math.min(Math.max(value, 0), 1);
export const percent = (share) => (share > 0 && share < 0.1 ? `${(100 * share).toPrecision(2)} %` : `${Math.round(100 * share)} %`);

export function times(fold) {
  if (fold === 0) return "0×";
  if (fold >= 100) return `${integer(Math.round(fold))}×`;
  if (fold >= 0.01) return `${Number(fold.toPrecision(2))}×`;
  return `${fold.toExponential(1)}×`;
}

export const weight = (value) => (value === 0 ? "0" : value >= 0.01 ? value.toPrecision(2) : value.toExponential(1));

export function signed(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const text = size >= 0.001 && size < 1000 ? String(Number(size.toPrecision(2))) : size.toExponential(1);
  return (value < 0 ? "−" : "+") + text;
}

// What the numbers of a signed map are.
export const UNITS = {
  risk: { title: "Change of the risk score", low: "lowers", high: "raises", text: signed },
  rank: { title: "Difference of percentile ranks", low: "lower", high: "higher", text: signed },
  log2: { title: "log₂ A ÷ B", low: "B looks more", high: "A looks more", text: signed },
};
export const unitOf = (map) => UNITS[map.unit] ?? { title: map.unit ?? "Value", low: "", high: "", text: signed };

// A value in words: "8.4×", or "+0.012".
export function valueText(map, value) {
  if (!Number.isFinite(value)) return "no value";
  if (map.nature === "signed") return unitOf(map).text(value);
  return map.nature === "spread" ? `SD ${map.unit === "share" ? times(value) : signed(value).replace(/^[+−]/, "")}` : times(value);
}

const fraction = (log2) => (log2 < 0 ? `1/${2 ** -log2}×` : `${2 ** log2}×`);
const QUARTERS = [0, 0.25, 0.5, 0.75, 1];
const RANK_ONLY = "Rank only: always shows 10 % of the patches as top, even where all are alike.";

// place(map, range) -> (value, index) -> 0..1; ticks(map, range) -> [{at, text}]; at(t, map, range): where the threshold is.
const rank = {
  label: "Percentile (rank only)",
  title: () => "Rank among the patches of the case",
  place: ({ summary }) => (value, i) => summary.rank[i],
  ticks: () => QUARTERS.map((at) => ({ at, text: `${100 * at} %` })),
  at: (t) => `the top ${Math.round(100 * (1 - t))} %`,
  note: () => RANK_ONLY,
};

export const SCALES = {
  share: {
    fold: {
      label: "Times uniform (log₂)",
      title: () => "Attention ÷ uniform",
      place: (map, range) => (fold) => (Math.log2(fold) + range) / (2 * range),
      ticks: (map, range) =>
        QUARTERS.map((at) => {
          const log2 = (2 * at - 1) * range;
          const text = Number.isInteger(log2) ? fraction(log2) : times(2 ** log2);
          return { at, text: at === 0 ? `≤ ${text}` : at === 1 ? `≥ ${text}` : text };
        }),
      at: (t, map, range) => times(2 ** ((2 * t - 1) * range)),
      note: () => "",
    },
    rank,
    raw: {
      label: "Raw weight (linear)",
      title: () => "Attention weight",
      place: ({ summary }) => (fold) => fold / summary.max,
      ticks: ({ summary, view }) => [0, 0.5, 1].map((at) => ({ at, text: weight(at * summary.max * view.uniform) })),
      at: (t, { summary, view }) => weight(t * summary.max * view.uniform),
      note: ({ view }) => (view.key === "pathology" ? "Weights sum to 1 over all patches of the case." : ""),
    },
  },
  signed: {
    linear: {
      label: "Symmetric (linear)",
      title: (map) => unitOf(map).title,
      place: ({ summary }) => (value) => 0.5 + value / summary.clip / 2,
      ticks: (map) =>
        QUARTERS.map((at) => {
          const text = unitOf(map).text((2 * at - 1) * map.summary.clip);
          return { at, text: at === 0 ? `≤ ${text}` : at === 1 ? `≥ ${text}` : text };
        }),
      at: (t, map) => `± ${unitOf(map).text(t * map.summary.clip).replace(/^[+−]/, "")}`,
      note: (map) => `Ends at the 99th percentile of the sizes, ± ${unitOf(map).text(map.summary.clip).slice(1)}.`,
    },
    rank: {
      label: "Rank of the size",
      title: (map) => `${unitOf(map).title}, rank of its size`,
      place: ({ summary }) => (value, i) => 0.5 + (Math.sign(value) * summary.sizeRank[i]) / 2,
      ticks: () => [0, 0.5, 1].map((at) => ({ at, text: ["− most", "0", "+ most"][2 * at] })),
      at: (t) => `the ${Math.round(100 * (1 - t))} % of largest size`,
      note: () => RANK_ONLY,
    },
  },
  spread: {
    linear: {
      label: "SD over the folds (linear)",
      title: () => "SD over the folds (low: they agree)",
      place: ({ summary }) => (value) => value / summary.clip,
      ticks: (map) => [0, 0.5, 1].map((at) => ({ at, text: (at === 1 ? "≥ " : "") + valueText(map, at * map.summary.clip).slice(3) })),
      at: (t, map) => valueText(map, t * map.summary.clip),
      note: (map) => `Ends at the 99th percentile, ${valueText(map, map.summary.clip)}.`,
    },
    rank,
  },
};

// Length of the scale bar: the largest 1, 2 or 5 times a power of ten that fits.
export function scaleBar(umPerPixel, widest) {
  const most = umPerPixel * widest;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].find((step) => step * power <= most) * power;
  return { length, px: length / umPerPixel, text: length >= 1000 ? `${length / 1000} mm` : `${length} µm` };
}
