// How alike two maps of the same patches are, over all slides of a case: Spearman's rank correlation (ties averaged), and
// how many of the highest patches they share. Patches without a value in either are left out.

import { signed } from "./scales.js";

const TOP = 50;

// a, b: one array per slide, in the same order. {n, rho (NaN where a map is constant), top, shared, chance}
export function agreement(a, b) {
  const [first, second] = [[], []];
  a.forEach((values, slide) => values.forEach((value, i) => {
    if (!Number.isFinite(value) || !Number.isFinite(b[slide][i])) return;
    first.push(value);
    second.push(b[slide][i]);
  }));
  const n = first.length;
  const top = Math.min(TOP, n);
  const orders = [order(first), order(second)];
  const rho = correlation(ranks(first, orders[0]), ranks(second, orders[1]));
  const highest = new Set(orders[0].slice(0, top));
  const shared = orders[1].slice(0, top).filter((index) => highest.has(index)).length;
  return { n, rho, top, shared, chance: n ? (top * top) / n : 0 };
}

// The same of every two of several maps, on average: how much the models of a cross-validation agree.
export function meanAgreement(maps) {
  const pairs = maps.flatMap((one, i) => maps.slice(i + 1).map((other) => agreement(one, other)));
  const mean = (name) => pairs.reduce((sum, pair) => sum + pair[name], 0) / pairs.length;
  return { models: maps.length, rho: mean("rho"), shared: mean("shared"), top: pairs[0].top, chance: pairs[0].chance };
}

export function meanAgreementWords({ models, rho, shared, top, chance }) {
  const alike = Number.isFinite(rho) ? `rank correlation ${signed(Number(rho.toFixed(2)))}` : "no rank correlation, since a map is constant";
  const both = `${Number(shared.toFixed(1))} of the top ${top} patches in both (by chance ${Number(chance.toPrecision(2))})`;
  return `Any two of the ${models} models, on average: ${alike}, ${both}.`;
}

export function agreementWords({ rho, top, shared, chance }) {
  const alike = Number.isFinite(rho) ? `Rank correlation of the two maps ${signed(Number(rho.toFixed(2)))}` : "The ranks of a constant map have no correlation";
  return `${alike}; ${shared} of the top ${top} patches are in both (by chance ${Number(chance.toPrecision(2))}).`;
}

// Indices, the highest first; equal values keep the order of the patches, as in the gallery.
const order = (values) => values.map((_, i) => i).sort((i, j) => values[j] - values[i] || i - j);

function ranks(values, descending) {
  const found = new Float64Array(values.length);
  for (let from = 0; from < descending.length; ) {
    let to = from;
    while (to + 1 < descending.length && values[descending[to + 1]] === values[descending[from]]) to++;
    for (let i = from; i <= to; i++) found[descending[i]] = (from + to) / 2;
    from = to + 1;
  }
  return found;
}

// Pearson's, of ranks; NaN where one does not vary.
function correlation(a, b) {
  const middle = (a.length - 1) / 2; // mean of any ranks 0 to n - 1, ties averaged
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((rank, i) => {
    const [x, y] = [rank - middle, b[i] - middle];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  });
  return ab / Math.sqrt(aa * bb);
}
