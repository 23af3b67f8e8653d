// Maps by token, fetched once each: the numbers of every patch, where the patches are, and how concentrated the map is.

import { Layout } from "./overlay.js";
import { summarise } from "./scales.js";

export class MapStore {
  constructor() {
    this.layouts = new Map(); // layout token and patch size -> Promise<Layout>
    this.maps = new Map(); // map token -> Promise<{view, layout, values, summary}>
  }

  load(root, view) {
    return this.once(this.maps, view.token, async () => {
      const layout = this.once(this.layouts, `${view.layout}|${view.patch}`, async () => {
        const corners = await binary(`${root}/layouts/${view.layout}.bin`);
        return new Layout(new Int32Array(corners), view.patch);
      });
      const values = new Float32Array(await binary(`${root}/maps/${view.token}.bin`));
      return { view, layout: await layout, values, summary: summarise(values, view.n_case) };
    });
  }

  // A failure is forgotten, so that the next call tries again.
  once(cache, key, make) {
    if (!cache.has(key)) {
      const made = make();
      made.catch(() => cache.delete(key));
      cache.set(key, made);
    }
    return cache.get(key);
  }
}

async function binary(url) {
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
