// The stories of a case: those shipped with it (read only) and a person's own, kept on the server. It knows no DOM.
// Events: "changed" (stories, or which is open), "problem" (detail.text).

import { reason } from "./maps.js";

export const SCHEMA = "survviz-story/1";
const SAVE_AFTER_MS = 600;

export class StoryList extends EventTarget {
  constructor(bench) {
    super();
    this.bench = bench;
    this.own = [];
    this.open = 0; // position in `all`
    bench.addEventListener("data", () => this.refresh());
  }

  emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // A case is named by its first slide, or by that slide's patches where it has no file.
  addressOf() {
    const [first] = this.bench.data.slides;
    if (first?.view.token) return `stories-of/slide/${first.view.token}.json`;
    return first?.maps[0] ? `stories-of/grid/${first.maps[0].layout}.json` : null;
  }

  async refresh() {
    const shipped = JSON.stringify(this.bench.data.stories);
    const address = this.addressOf();
    if (address === this.address && shipped === this.shippedText) return;
    this.shippedText = shipped;
    if (address !== this.address) {
      this.address = address;
      this.own = [];
      if (address) await this.fetchOwn(address);
    }
    this.emit("changed");
  }

  async fetchOwn(address) {
    try {
      const own = await this.ask(address);
      if (address === this.address) this.own = own;
    } catch (error) {
      this.emit("problem", { text: `Your stories could not be read: ${error.message}` });
    }
  }

  async ask(path, options = {}) {
    const answer = await fetch(this.bench.url(path), { cache: "no-store", ...options }).catch(() => {
      throw new Error("The server could not be reached.");
    });
    if (!answer.ok) throw new Error(await reason(answer));
    return answer.json();
  }

  // ---- reading

  get shipped() {
    return this.bench.data.stories ?? [];
  }

  get all() {
    return [...this.shipped, ...this.own];
  }

  get story() {
    return this.all[this.open] ?? null;
  }

  get isOwn() {
    return this.open >= this.shipped.length && this.story !== null;
  }

  show(position) {
    this.open = position;
    this.emit("changed");
  }

  // The open story under ids that may leave: those that look like a person's are pseudonyms.
  exported() {
    const { id, export_id } = this.bench.data.case;
    const leaves = (slide) => this.bench.data.slides.find(({ view }) => view.slide_id === slide)?.view.export_id ?? slide;
    const waypoints = this.story.waypoints.map((one) => (one.state?.slide ? { ...one, state: { ...one.state, slide: leaves(one.state.slide) } } : one));
    return { ...this.story, case: this.story.case === id ? (export_id ?? id) : this.story.case, waypoints };
  }

  // ---- changing one's own

  add(story) {
    this.own = [...this.own, story];
    this.show(this.all.length - 1);
    this.keep();
  }

  begin() {
    const { id, checkpoint } = this.bench.data.case;
    const story = { schema: SCHEMA, title: `Story ${this.own.length + 1}`, case: id ?? "", waypoints: [] };
    if (checkpoint) story.checkpoint = checkpoint;
    this.add(story);
  }

  copy() {
    this.add({ ...structuredClone(this.story), title: `${this.story.title} (copy)` });
  }

  discard() {
    const at = this.open - this.shipped.length;
    this.own = this.own.filter((_, i) => i !== at);
    this.show(Math.max(0, this.open - 1));
    this.keep();
  }

  change(change) {
    const at = this.open - this.shipped.length;
    this.own = this.own.map((story, i) => (i === at ? { ...story, ...change } : story));
    this.emit("changed");
    this.keep();
  }

  changeWaypoint(position, change) {
    this.change({ waypoints: this.story.waypoints.map((one, i) => (i === position ? { ...one, ...change } : one)) });
  }

  addWaypoint() {
    const { waypoints } = this.story;
    this.change({ waypoints: [...waypoints, { title: `Stop ${waypoints.length + 1}`, text: "", state: stateOf(this.bench) }] });
  }

  removeWaypoint(position) {
    this.change({ waypoints: this.story.waypoints.filter((_, i) => i !== position) });
  }

  moveWaypoint(position, by) {
    const waypoints = [...this.story.waypoints];
    const [one] = waypoints.splice(position, 1);
    waypoints.splice(position + by, 0, one);
    this.change({ waypoints });
  }

  keep() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  async save() {
    if (!this.address) return;
    try {
      await this.ask(this.address, { method: "PUT", body: JSON.stringify(this.own) });
    } catch (error) {
      this.emit("problem", { text: `The stories could not be kept: ${error.message}` });
    }
  }
}

// What is on show, with the size of what is seen, so that it fits a window of another size.
export function stateOf(bench) {
  const state = bench.state();
  if (!state.view) return { ...state, view: null };
  const { x, y, scale, rotation } = state.view;
  return { ...state, view: { x, y, scale, rotation, extent: shorterSide(bench) / scale } };
}

// The same for this window.
export function fitted(bench, state) {
  if (!state.view?.extent) return state;
  const { x, y, rotation = 0, extent } = state.view;
  return { ...state, view: { x, y, rotation, scale: shorterSide(bench) / extent } };
}

function shorterSide(bench) {
  const { clientWidth, clientHeight } = bench.stage.element;
  return Math.max(1, Math.min(clientWidth, clientHeight));
}
