// The regions of a case: those drawn or imported (kept on the server, per slide), and the truth where there is one.
// It knows no DOM. Events: "changed" (regions or their classes), "picked" (another is selected), "problem" (detail.text).

import { reason } from "./maps.js";

const SAVE_AFTER_MS = 400;
const KEPT_ALIVE = 60_000; // browsers take no more than 64 kB
// Okabe and Ito; the same as in survviz/data/annotations.py, which colours what has no colour of its own
const PALETTE = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [230, 159, 0], [240, 228, 66]];
const NO_CLASS = [0, 114, 178];

export const coloured = (colour) => `rgb(${(colour ?? NO_CLASS).join(" ")})`;
export const titleOf = ({ name, classification }) => name || classification || "Region";

// crypto.randomUUID is not there where a page comes over plain http from another machine
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export class RegionList extends EventTarget {
  constructor(bench) {
    super();
    this.bench = bench;
    this.drawn = [];
    this.truth = null; // its regions while they are shown
    this.picked = null; // id
    bench.addEventListener("slide", () => this.open());
    bench.addEventListener("data", () => this.address !== this.addressOf() && this.open());
    bench.addEventListener("settings", () => Boolean(this.truth) !== this.wantsTruth && this.showTruth());
  }

  emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // ---- one slide

  // Where the drawings of the slide on show are kept; a slide without a file is known by its patches.
  addressOf() {
    const { view, maps } = this.bench.slide ?? {};
    if (view?.token) return `regions-of/slide/${view.token}.geojson`;
    return maps?.[0] ? `regions-of/grid/${maps[0].layout}.geojson` : null;
  }

  async open() {
    const address = this.addressOf();
    if (address === this.address) return;
    await this.save();
    this.address = address;
    this.drawn = [];
    this.truth = this.picked = null;
    this.emit("changed", { kept: true });
    if (address) await this.fetchKept(address);
    if (this.wantsTruth) this.showTruth();
  }

  async fetchKept(address) {
    try {
      const { features } = await this.ask(address);
      if (address !== this.address) return;
      this.drawn = features.map(fromFeature);
      this.emit("changed", { kept: true });
    } catch (error) {
      this.emit("problem", { text: `Regions of this slide could not be read: ${error.message}` });
    }
  }

  async ask(path, options = {}) {
    const answer = await fetch(this.bench.url(path), { cache: "no-store", ...options }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Error("The server could not be reached.");
    });
    if (!answer.ok) throw new Error(await reason(answer));
    return answer.json();
  }

  // ---- the truth of the sample cohort

  get hasTruth() {
    return Boolean(this.bench.slide?.truth);
  }

  // A setting of the bench, so that waypoints hold it.
  get wantsTruth() {
    return this.hasTruth && Boolean(this.bench.settings.truth);
  }

  async showTruth() {
    const { truth } = this.bench.slide ?? {};
    if (!this.wantsTruth) {
      this.truth = null;
      if (!this.find(this.picked)) this.picked = null;
      return this.emit("changed", { kept: true });
    }
    try {
      const answer = await fetch(this.bench.url(`regions/${truth}.geojson`));
      if (!answer.ok) throw new Error(await reason(answer));
      const { features } = await answer.json();
      if (truth !== this.bench.slide?.truth || !this.wantsTruth || this.truth) return;
      this.truth = features.map((feature) => ({ ...fromFeature(feature), truth: true }));
      this.emit("changed", { kept: true });
    } catch (error) {
      this.emit("problem", { text: `The truth could not be loaded: ${error.message}` });
    }
  }

  // ---- regions

  get all() {
    return [...(this.truth ?? []), ...this.drawn];
  }

  find(id) {
    return this.all.find((region) => region.id === id);
  }

  get classes() {
    return [...new Set(this.all.map((region) => region.classification).filter(Boolean))];
  }

  colourFor(classification) {
    const same = this.all.find((region) => region.classification === classification && region.colour);
    if (same) return same.colour;
    const used = new Set(this.all.map((region) => String(region.colour)));
    return PALETTE.find((colour) => !used.has(String(colour))) ?? PALETTE[this.classes.length % PALETTE.length];
  }

  add(geometry, classification = "") {
    const region = { id: uuid(), name: this.nextName(), classification, colour: this.colourFor(classification), geometry, properties: { objectType: "annotation" } };
    this.drawn = [...this.drawn, region];
    this.picked = region.id;
    this.emit("changed");
    this.keep();
    return region;
  }

  nextName() {
    const names = new Set(this.drawn.map(({ name }) => name));
    let number = 1;
    while (names.has(`Region ${number}`)) number++;
    return `Region ${number}`;
  }

  // One that comes again replaces the one of its id, so that the same file can be imported twice.
  take(features) {
    const coming = features.map(fromFeature);
    const ids = new Set(coming.map((region) => region.id));
    this.drawn = [...this.drawn.filter((region) => !ids.has(region.id)), ...coming];
    this.picked = coming[0]?.id ?? null;
    this.emit("changed");
    this.keep();
  }

  change(id, change) {
    if ("classification" in change) change.colour = this.colourFor(change.classification);
    this.drawn = this.drawn.map((region) => (region.id === id ? { ...region, ...change } : region));
    this.emit("changed");
    this.keep();
  }

  remove(id) {
    this.drawn = this.drawn.filter((region) => region.id !== id);
    if (this.picked === id) this.picked = null;
    this.emit("changed");
    this.keep();
  }

  pick(id) {
    if (id === this.picked) return;
    this.picked = id;
    this.emit("picked");
  }

  // ---- keeping

  keep() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  async save() {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.address) return;
    try {
      const body = JSON.stringify(collection(this.drawn));
      await this.ask(this.address, { method: "PUT", body, keepalive: body.length < KEPT_ALIVE }); // outlives the page
    } catch (error) {
      this.emit("problem", { text: `The regions could not be kept: ${error.message}` });
    }
  }
}

// ---- GeoJSON

export const collection = (regions) => ({ type: "FeatureCollection", features: regions.map(toFeature) });

function toFeature({ id, name, classification, colour, geometry, properties }) {
  const own = { ...properties, name: name || undefined };
  if (classification) own.classification = { name: classification, color: colour ?? NO_CLASS };
  else own.color = colour ?? NO_CLASS;
  return { type: "Feature", id, geometry, properties: own };
}

function fromFeature({ id, geometry, properties }) {
  const { name = "", classification = null, color = null, measurements, ...more } = properties;
  return { id, name, classification: classification?.name ?? "", colour: classification?.color ?? color, geometry, properties: more };
}
