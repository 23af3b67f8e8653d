// Maps by token, fetched once each: the numbers of every patch, where the patches are, and how concentrated the map is.

import { meanAgreement } from "./agreement.js";
import { Layout } from "./overlay.js";
import { summarise } from "./summary.js";

export const natureOf = (view, fold) => (fold === "sd" ? "spread" : view.signed ? "signed" : "share");

// Every map of a slide: the page's own, and those of another checkpoint that was asked for beside it.
export const viewsOf = ({ maps, others = [] }) => [...maps, ...others];

export class MapStore {
  constructor(root) {
    this.root = root;
    this.fetched = new Map(); // what -> Promise
  }

  // {view, layout, values, summary, nature, unit, folds}; the summary is over `all`, the same map of every slide of the
  // case, and so is `folds`: how alike the models' own maps are, where their spread is asked for, else null.
  async load(view, all, head, fold) {
    const nature = natureOf(view, fold);
    const [layout, values, summaries, folds] = await Promise.all([
      this.layout(view),
      this.values(view, head, fold),
      this.summaries(view, all, head, fold),
      nature === "spread" ? this.agreement(all, head) : null,
    ]);
    return { view, head, fold, layout, values, nature, unit: view.unit, summary: summaries.get(view.values), folds };
  }

  layout(view) {
    return this.once(`${view.layout}|${view.patch}`, async () => {
      const corners = await this.binary(`layouts/${view.layout}.bin`);
      return new Layout(new Int32Array(corners), view.patch);
    });
  }

  values(view, head, fold) {
    if (!view.detail || (head === "mean" && fold === "mean")) {
      return this.once(view.values, async () => new Float32Array(await this.binary(`maps/${view.values}.bin`)));
    }
    return this.once(`${view.values}|${head}|${fold}`, async () => reduce(await this.detail(view), view, head, fold));
  }

  detail(view) {
    return this.once(view.detail.token, async () => {
      const values = new Float32Array(await this.binary(`details/${view.detail.token}.bin`));
      const expected = view.detail.heads * view.detail.folds * view.n;
      if (values.length !== expected) throw new Error(`${values.length} numbers came; expected ${expected}.`);
      return values;
    });
  }

  summaries(view, all, head, fold) {
    const key = ["summary", ...all.map((one) => one.values), head, fold].join("|");
    return this.once(key, async () => {
      const parts = await Promise.all(all.map((one) => this.values(one, head, fold)));
      const found = summarise(parts, natureOf(view, fold) === "signed");
      return new Map(all.map((one, i) => [one.values, found[i]]));
    });
  }

  agreement(all, head) {
    return this.once(["folds", ...all.map((one) => one.values), head].join("|"), async () => {
      const numbers = Array.from({ length: all[0].detail.folds }, (_, fold) => fold);
      const ofFold = (fold) => Promise.all(all.map((one) => this.values(one, head, fold)));
      return meanAgreement(await Promise.all(numbers.map(ofFold)));
    });
  }

  // A failure is forgotten, so that the next call tries again.
  once(key, make) {
    if (!this.fetched.has(key)) {
      const made = make();
      made.catch(() => this.fetched.delete(key));
      this.fetched.set(key, made);
    }
    return this.fetched.get(key);
  }

  binary(path) {
    return binary(`${this.root}/${path}`);
  }
}

// (heads, folds, N) -> (N,): over heads in each fold first, then over folds. "sd" is that of a sample (n - 1).
export function reduce(detail, { n, detail: { heads, folds } }, head, fold) {
  const perFold = Array.from({ length: folds }, () => new Float32Array(n));
  for (let f = 0; f < folds; f++) {
    for (let i = 0; i < n; i++) {
      const at = (h) => detail[(h * folds + f) * n + i];
      if (head === "mean") for (let h = 0; h < heads; h++) perFold[f][i] += at(h) / heads;
      else if (head === "max") perFold[f][i] = Math.max(...Array.from({ length: heads }, (_, h) => at(h)));
      else perFold[f][i] = at(head);
    }
  }
  if (fold !== "mean" && fold !== "sd") return perFold[fold];
  const values = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let mean = 0;
    for (const one of perFold) mean += one[i] / folds;
    let square = 0;
    for (const one of perFold) square += (one[i] - mean) ** 2;
    values[i] = fold === "mean" ? mean : Math.sqrt(square / (folds - 1));
  }
  return values;
}

export async function binary(url) {
  const answer = await fetch(url).catch(() => {
    throw new Error("The server could not be reached.");
  });
  if (!answer.ok) throw new Error(await reason(answer));
  return answer.arrayBuffer();
}

// Why a request was refused, in words.
export async function reason(answer) {
  const { error } = await answer.json().catch(() => ({}));
  return error ?? `The server answered ${answer.status}. Reload the page.`;
}
