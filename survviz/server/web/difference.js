// The map A − B of two maps of the same patches: of attention, log2 A ÷ B; of the same unit, A − B; else of the ranks.

import { agreement } from "./agreement.js";
import { natureOf } from "./maps.js";
import { summarise } from "./summary.js";

const SMALLEST = 2 ** -10; // attention below this is taken as this, so that 0 has a logarithm

const log2 = (value) => Math.log2(Math.max(value, SMALLEST));

const WAYS = {
  log2: {
    of: (a, b, i) => log2(a.values[i]) - log2(b.values[i]),
    words: "log₂ of A ÷ B, each times uniform: +1 = A looks twice as much as B, −1 = half as much.",
  },
  same: { of: (a, b, i) => a.values[i] - b.values[i], words: "A minus B, in the unit of both." },
  rank: {
    of: (a, b, i) => a.summary.rank[i] - b.summary.rank[i],
    words: "Percentile rank in A minus that in B: above 0 the patch ranks higher in A.",
  },
};

function wayOf(a, b) {
  if (a.nature === "share" && b.nature === "share") return ["log2", "log2"];
  if (a.nature === b.nature && a.unit === b.unit) return ["same", a.unit];
  return ["rank", "rank"];
}

// The two maps of every slide of the case.
function pairs(bench, first, second) {
  return Promise.all(
    bench.data.slides.map(async ({ view: { slide_id } }) => {
      const pair = await Promise.all([first, second].map((choice) => bench.load(bench.viewOf({ ...choice, slide_id }), choice)));
      if (pair[0].values.length !== pair[1].values.length) throw new Error("the two maps are not of the same patches.");
      return pair;
    }),
  );
}

// How alike two maps are; see agreement.js.
export async function alike(bench, first, second) {
  const parts = await pairs(bench, first, second);
  return agreement(parts.map(([a]) => a.values), parts.map(([, b]) => b.values));
}

export async function difference(bench, first, second) {
  const slides = bench.data.slides.map(({ view }) => view.slide_id);
  const parts = await pairs(bench, first, second);
  const [way, unit] = wayOf(...parts[0]);
  const values = parts.map(([a, b]) => Float32Array.from(a.values, (_, i) => WAYS[way].of(a, b, i)));
  const at = slides.indexOf(bench.slide.view.slide_id);
  const [a, b] = parts[at];
  const own = b.view.model ? `${bench.data.case.checkpoint}: ` : ""; // B names its own
  const view = {
    ...a.view,
    id: `difference:${a.view.id}:${b.view.id}`,
    label: `${own}${short(a)} − ${short(b)}`,
    model: b.view.model,
    semantics: `${WAYS[way].words} A: ${own}${name(a)}. B: ${name(b)}.`,
    uniform: 1,
  };
  return { view, layout: a.layout, values: values[at], nature: "signed", unit, summary: summarise(values, true)[at] };
}

const short = ({ view }) => view.label.replace(/ \(.*\)$/, "");
const name = ({ view, fold }) => view.label + (natureOf(view, fold) === "spread" ? ", SD over folds" : "");
