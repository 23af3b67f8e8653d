// What the map on show says of the regions: asked of the server, which has the exact areas and the test against chance.

import { collection } from "./region_list.js";

const WAIT_MS = 160;

// Events: "scores" (table is new, or null while it is asked for; problem in words).
export class RegionScores extends EventTarget {
  constructor(bench, list) {
    super();
    Object.assign(this, { bench, list, table: null, problem: "", asking: null });
    bench.addEventListener("map", (event) => event.detail.colour || this.refresh());
    list.addEventListener("changed", () => this.refresh());
  }

  // What is asked of the server for the map and the regions on show.
  get question() {
    const { bench, list } = this;
    const { map } = bench;
    const body = { head: String(map.head ?? "mean"), fold: String(map.fold ?? "mean"), features: collection(list.drawn).features };
    if (list.truth) body.truth = bench.slide.truth;
    return JSON.stringify(body);
  }

  refresh() {
    clearTimeout(this.timer);
    this.asking?.abort(); // the answer would be about what is not on show any more
    this.asking = null;
    const { map } = this.bench;
    if (!map || !this.list.all.length) return this.tell(null);
    this.dispatchEvent(new Event("asking"));
    this.timer = setTimeout(() => this.ask(map.view), WAIT_MS);
  }

  async ask(view) {
    const asking = new AbortController();
    this.asking = asking;
    try {
      const table = await this.list.ask(`regions/${view.values}.json`, { method: "POST", body: this.question, signal: asking.signal });
      if (this.asking === asking) this.tell(table);
    } catch (error) {
      if (this.asking === asking) this.tell(null, error.message);
    }
  }

  tell(table, problem = "") {
    this.table = table;
    this.problem = problem;
    this.dispatchEvent(new Event("scores"));
  }

  // The regions as QuPath annotations, with the numbers as measurements where there is a map.
  async exported() {
    const { map } = this.bench;
    if (!map) return collection(this.list.all);
    return this.list.ask(`regions/${map.view.values}.geojson`, { method: "POST", body: this.question });
  }
}
