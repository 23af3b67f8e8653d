// What is on show, and how: the one state that every panel reads, changes and is told about. It knows no DOM.
//
// Panels are functions `panel(bench) -> HTMLElement`. They read the properties below, call the methods, and listen:
//   "data"    new data from Python               "slide"  another slide is on show
//   "map"     another map, or its colours changed (detail.colour: only the colours)
//   "choice"  another map is asked for (it comes with "map")        "second" what the second stage shows
//   "select"  another patch is selected          "view"   the viewport has come to rest
//   "answers" Python has answered                "settings" (detail.name)    "job" how far a computation is
//   "open"    a tab of the rail is to be shown (detail.tab)     "beside" another map is on show in the second stage

import { colourLayer, scaleOf } from "./drawing.js";
import { MapStore, viewsOf } from "./maps.js";
import { recall, remember } from "./memory.js";
import { clamp } from "./scales.js";

export const MEAN = "mean";
export const SETTINGS = {
  visible: true, opacity: 0.45, threshold: 0, range: 4, smooth: false, colormap: "viridis",
  share: "fold", signed: "linear", spread: "linear", // the scale of each nature of map
};

const UNASKED = { query: "risk", key: "pathology", token: "all" }; // of kinds whose map no token asks for
const PREFETCH = 64;
const RUNNING = ["queued", "running"];

export class Bench extends EventTarget {
  constructor(data) {
    super();
    this.data = { slides: [], kinds: [], directions: [], stories: [], answers: {} };
    this.settings = { ...SETTINGS, ...recall(data.key, "settings") };
    this.choice = { kind: "attention", query: "", key: "", token: "all", head: MEAN, fold: MEAN };
    this.second = null; // {shows: "slide" | "map" | "difference", choice, linked}; choice.model: another checkpoint
    this.beside = null; // the map of the second stage
    this.pending = null; // a state to restore once the maps are there
    this.slide = this.map = this.layer = null;
    this.problem = "";
    this.selected = -1;
    this.lastToken = {}; // direction -> token
    this.calls = 0;
    this.stage = null; // set by the workbench
  }

  emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  url(path) {
    return `${this.data.root}/${path.replace(/^\//, "")}`;
  }

  // ---- data from Python

  update(data, send) {
    const before = this.data;
    this.data = data;
    this.send = send;
    this.store ??= new MapStore(data.root);
    this.views = new Map();
    for (const slide of data.slides) for (const map of viewsOf(slide)) this.views.set(`${slide.view.slide_id}|${map.id}`, map);
    this.slideOf = new Map(data.slides.flatMap((slide) => viewsOf(slide).map((map) => [map, slide])));
    const ids = [this.slide?.view.slide_id, data.slide];
    const slide = ids.map((id) => data.slides.find(({ view }) => view.slide_id === id)).find(Boolean) ?? data.slides[0] ?? null;
    const moved = JSON.stringify(slide?.view) !== JSON.stringify(this.slide?.view);
    this.slide = slide;
    this.emit("data");
    if (moved) this.emit("slide");
    if (JSON.stringify(before.answers) !== JSON.stringify(data.answers)) this.emit("answers");
    const state = this.pending;
    if (!state || data.kinds.some((kind) => kind.state === "loading")) return this.choose({});
    this.pending = null;
    return this.restore(state, true);
  }

  showSlide(slide_id) {
    const slide = this.data.slides.find(({ view }) => view.slide_id === slide_id || view.export_id === slide_id);
    if (!slide || slide === this.slide) return Promise.resolve();
    this.slide = slide;
    this.selected = -1;
    this.map = this.layer = null;
    this.emit("slide");
    this.emit("select");
    return this.choose({});
  }

  // ---- which map

  kind(id = this.choice.kind) {
    return this.data.kinds.find((one) => one.id === id);
  }

  // {name, state: "known" | "loading" | "ready" | "unavailable", reason, kinds, directions} of another checkpoint.
  model(name) {
    return this.data.models?.find((one) => one.name === name);
  }

  // {kinds, directions} that a choice is made among: the page's own, or those of the checkpoint that it names.
  offer({ model }) {
    return model ? (this.model(model) ?? { kinds: [], directions: [] }) : this.data;
  }

  // A map in words; where maps of two checkpoints are on show, with the name of its own.
  titleOf({ label, model }) {
    return this.beside?.view.model && !model ? `${this.data.case.checkpoint}: ${label}` : label;
  }

  // What the server calls a choice: some kinds have one map, whatever the direction and the token.
  asked(choice) {
    return this.kind(choice.kind)?.asked === false ? { ...choice, ...UNASKED } : choice;
  }

  viewOf({ slide_id = this.slide?.view.slide_id, ...choice }) {
    const { kind, query, key, token, model } = this.asked(choice);
    return this.views.get(`${slide_id}|${kind}:${query}:${key}:${token}${model ? `@${model}` : ""}`);
  }

  direction({ query, key, model } = this.choice) {
    return this.offer({ model }).directions.find((one) => one.query === query && one.key === key);
  }

  // {state: "ready" | "computable" | "computing" | "failed" | "loading" | "unavailable", reason, job} of a choice.
  stateOf(choice = this.choice) {
    const { state, reason, jobs } = this.kind(choice.kind) ?? { state: "loading" };
    if (state !== "ready") return { state, reason };
    if (this.viewOf(choice)) return { state: "ready" };
    const { query, key } = this.asked(choice);
    const job = jobs.find((one) => one.query === query && one.key === key);
    if (!job) return { state: "computable" };
    if (RUNNING.includes(job.state)) return { state: "computing", job };
    return { state: "failed", reason: job.error || "The computation ended without a map.", job };
  }

  compute(choice = this.choice) {
    const { kind, query, key } = this.asked(choice);
    this.send({ kind: "compute", map: kind, query, key });
  }

  // The nearest choice that exists: a kind and a direction that the data have, a token that the direction has.
  fitting(change, from = this.choice) {
    const choice = { ...from, ...change };
    if (choice.model === this.data.case.checkpoint) choice.model = ""; // it has become the page's own
    const { kinds, directions } = this.offer(choice);
    if (choice.model && !directions.length) return choice; // not known yet: what a link names is kept
    if (!kinds.some(({ id }) => id === choice.kind)) choice.kind = kinds[0]?.id ?? choice.kind;
    if (this.kind(choice.kind)?.state === "unavailable" && change.kind === undefined) {
      choice.kind = kinds.find(({ state }) => state !== "unavailable")?.id ?? choice.kind;
    }
    const turned = change.query !== undefined || change.key !== undefined;
    if (turned && change.token === undefined) choice.token = this.lastToken[`${choice.query}:${choice.key}`] ?? "all";
    const direction = this.direction(choice) ?? directions[0];
    if (direction) Object.assign(choice, { query: direction.query, key: direction.key });
    if (!direction?.tokens.some(({ name }) => name === choice.token)) choice.token = direction?.tokens[0]?.name ?? "all";
    const { heads = 1, folds = 1 } = this.viewOf(choice)?.detail ?? {};
    const one = (value, count, other) => (Number.isInteger(value) && value < count) || (value === other && count > 1);
    if (!one(choice.head, heads, "max")) choice.head = MEAN;
    if (!one(choice.fold, folds, "sd")) choice.fold = MEAN;
    return choice;
  }

  // Show another map; resolves when it is on show.
  async choose(change) {
    this.choice = this.fitting(change);
    if (this.direction()) this.lastToken[`${this.choice.query}:${this.choice.key}`] = this.choice.token;
    this.emit("choice");
    const call = ++this.calls;
    const view = this.slide && this.viewOf(this.choice);
    let map = null;
    let problem = "";
    try {
      if (view?.values) map = await this.load(view, this.choice);
    } catch (error) {
      problem = `The map “${view.label}” could not be loaded: ${error.message}`;
    }
    if (call !== this.calls) return; // another was asked for meanwhile
    this.problem = problem;
    this.map = map;
    this.layer = map && colourLayer(map, this.settings);
    this.emit("map");
    this.prefetch();
  }

  // What a person may choose next: the first tokens of the direction, when there is nothing else to do.
  prefetch() {
    const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200));
    idle(() => {
      const views = (this.direction()?.tokens ?? []).slice(0, PREFETCH).map(({ name }) => this.viewOf({ ...this.choice, token: name }));
      for (const view of views) if (view?.values) this.load(view).catch(() => {}); // said when it is chosen
    });
  }

  // {view, layout, values, summary, nature, unit} of any map of any slide; the summary is over all slides of the case.
  load(view, { head = MEAN, fold = MEAN } = {}) {
    const all = this.data.slides.map((slide) => viewsOf(slide).find((map) => map.id === view.id)).filter((map) => map?.values);
    return this.store.load(view, all, head, fold);
  }

  // ---- how it is drawn

  set(name, value) {
    if (name === "scale") name = this.map?.nature ?? "share";
    this.settings = { ...this.settings, [name]: value };
    remember(this.settings, this.data.key, "settings");
    if (this.map && name !== "opacity" && name !== "visible") {
      this.layer = colourLayer(this.map, this.settings);
      this.emit("map", { colour: true });
    }
    this.emit("settings", { name });
  }

  get scale() {
    return scaleOf(this.map, this.settings);
  }

  colourOf(index) {
    const at = 4 * index;
    return this.layer ? `rgb(${this.layer.solid.subarray(at, at + 3).join(" ")})` : "transparent";
  }

  fade(by) {
    this.set("opacity", clamp(Math.round(100 * (this.settings.opacity + by)) / 100));
  }

  // ---- patches and places, in level-0 pixels

  boxOf(index) {
    const { corners, patch } = this.map.layout;
    return { x: corners[2 * index], y: corners[2 * index + 1], w: patch, h: patch };
  }

  select(index, { zoom = false } = {}) {
    this.selected = index;
    if (zoom && index >= 0 && this.map) this.goto(this.boxOf(index));
    this.emit("select");
  }

  highlight(box) {
    this.stage.point(box);
  }

  goto(box) {
    this.stage.goto(box);
  }

  viewport() {
    return this.stage.viewport();
  }

  setViewport(viewport, immediately = false) {
    this.stage.lead();
    this.stage.setViewport(viewport, immediately);
  }

  setSecond(second) {
    this.second = second && { shows: "slide", linked: true, choice: this.choice, ...this.second, ...second };
    this.emit("second");
  }

  // ---- everything that a permalink or a waypoint holds

  state() {
    return {
      slide: this.slide?.view.slide_id ?? null,
      view: this.viewport(),
      choice: { ...this.choice },
      settings: { ...this.settings },
      second: this.second && { ...this.second, choice: { ...this.second.choice } },
      selected: this.selected,
    };
  }

  async restore({ slide, view, choice, settings, second, selected }, immediately = false) {
    if (slide) await this.showSlide(slide);
    if (settings) this.settings = { ...SETTINGS, ...settings };
    await this.choose(choice ?? {});
    this.setSecond(second ? { ...second, choice: this.fitting(second.choice ?? {}) } : null);
    this.emit("settings");
    this.select(selected ?? -1);
    if (view) this.setViewport(view, immediately);
  }
}
