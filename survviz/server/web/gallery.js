// Below the stage: the highest, lowest or random patches of the map on show, all at one scale. It follows the map
// without a rerun; a patch that stays keeps its node, so that nothing flickers.

import { colourLayer } from "./drawing.js";
import { recall, remember } from "./memory.js";
import { element, segmented, select } from "./panel.js";
import { imageUrl, pick, pixelsAt20, pointing, rankOf, SPREADS, visit } from "./patches.js";
import { integer, scaleBar, unitOf, valueText } from "./scales.js";

export const style = "gallery.css";

// How many patches may stand in a row, so that no row is ragged; and the least CSS pixels of a patch.
const ROWS = { 12: { across: [12, 6, 4, 3, 2], least: 88 }, 50: { across: [10, 5], least: 56 } };
const GAP = 8;
const FRAME = 8; // both sides of a patch's frame
const KEPT = 400; // nodes of patches that have left, kept for their coming back
const COUNTS = [[12, "12"], [50, "50"]];
const SCOPES = [["slide", "this slide"], ["case", "all slides"]];
const MONTAGE = "The 50 patches in one picture, with rank, value and scale bar";
const NO_FILE = "The slide file is not available: squares show the colours of the map instead of the tissue.";
const NO_SIZE = "The pixel size is unknown: at most one per 4 patches is shown instead of one per mm.";
const DEFAULTS = { which: "top", spread: "apart", count: 12, scope: "slide" };

export function panel(bench) {
  return new Gallery(bench).node;
}

class Gallery {
  constructor(bench) {
    this.bench = bench;
    this.settings = { ...DEFAULTS, ...recall("gallery", "settings") };
    this.nodes = new Map(); // patch -> its node
    this.shown = []; // [{part, index, key}]
    this.parts = [];
    this.build();
    bench.addEventListener("map", (event) => (event.detail.colour ? this.recolour() : this.later()));
    bench.addEventListener("select", () => this.mark());
    new ResizeObserver(() => this.arrange()).observe(this.list);
  }

  // As many patches in a row as fill it, each as large as fits.
  arrange() {
    const { clientWidth } = this.list;
    if (!clientWidth) return;
    const { across, least } = ROWS[this.settings.count];
    const sideOf = (n) => Math.floor((clientWidth - (n - 1) * GAP) / n) - FRAME;
    const n = across.find((one) => sideOf(one) >= least) ?? across.at(-1);
    this.tile = sideOf(n);
    this.node.style.setProperty("--tile", `${this.tile}px`);
    this.list.style.setProperty("--across", n);
    this.measure();
  }

  build() {
    const set = (name, value) => {
      this.settings = { ...this.settings, [name]: value };
      remember(this.settings, "gallery", "settings");
      this.refresh();
    };
    this.which = segmented("Which patches", (id) => set("which", id));
    this.spread = select("Spread", SPREADS, this.settings.spread, (id) => set("spread", id));
    this.count = select("How many", COUNTS, this.settings.count, (id) => set("count", Number(id)));
    this.scope = select("Slides", SCOPES, this.settings.scope, (id) => set("scope", id));
    this.bar = element("span", { class: "gallery-bar", "aria-hidden": "true" });
    this.scale = element("span", { class: "gallery-scale" });
    this.montage = element("a", { class: "gallery-montage", title: MONTAGE }, "Montage (PNG)");
    this.note = element("p", { class: "muted", role: "status" });
    const keys = (event) => this.keyDown(event);
    this.list = element("div", { class: "thumbs", role: "listbox", "aria-orientation": "horizontal", onkeydown: keys });
    const words = (text, node) => element("label", { class: "field" }, element("span", {}, text), node);
    this.scopeField = words("of", this.scope);
    this.head = element(
      "div", { class: "gallery-head" },
      element("h4", {}, "Patches"), this.which.node,
      words("Show", this.count), this.scopeField, words("Spread", this.spread),
      element("span", { class: "gallery-measure" }, this.bar, this.scale), this.montage,
    );
    this.node = element("div", { class: "patch-gallery" }, this.head, this.list, this.note);
  }

  // After the map has been painted: the gallery must not hold it up.
  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.refresh());
  }

  async refresh() {
    const { bench } = this;
    const call = (this.call = (this.call ?? 0) + 1);
    this.node.hidden = !bench.slide;
    const several = bench.data.slides.length > 1;
    this.scopeField.hidden = !several;
    const slides = several && this.settings.scope === "case" ? bench.data.slides : [bench.slide];
    const asked = bench.map ? slides.map((slide) => this.part(slide)) : [];
    const parts = await Promise.all(asked).catch((error) => this.say(error.message));
    if (call !== this.call || !parts) return;
    this.parts = parts.filter(Boolean);
    this.shown = pick(this.parts, this.settings.which, this.settings.count, this.settings.spread).map((one) => ({
      ...one,
      key: `${this.parts[one.part].slide.view.slide_id}|${this.parts[one.part].map.view.layout}|${one.index}`,
    }));
    this.describe();
    this.arrange();
    this.draw();
  }

  async part(slide) {
    const { bench } = this;
    const map = slide === bench.slide ? bench.map : await this.mapOf(slide);
    return map && { slide, map, layout: map.layout, values: map.values, mpp: slide.view.mpp };
  }

  mapOf(slide) {
    const view = this.bench.viewOf({ ...this.bench.map.view, slide_id: slide.view.slide_id });
    return view?.values ? this.bench.load(view, this.bench.choice) : null;
  }

  // ---- words

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  describe() {
    const { bench, settings, shown } = this;
    const { map } = bench;
    this.node.classList.toggle("bare", !map);
    this.which.refresh(settings.which, choices(map));
    this.list.setAttribute("aria-label", `Patches: ${choices(map).find(([id]) => id === settings.which)[1]}`);
    const token = bench.slide?.view.token;
    this.montage.hidden = !(map && token && settings.scope === "slide" && shown.length);
    if (map) this.montage.href = montageUrl(bench, settings);
    this.montage.download = "";
    this.say(this.words(map, bench.slide?.view.mpp));
  }

  // One scale bar for all.
  measure() {
    const { map, slide } = this.bench;
    const mpp = slide?.view.mpp;
    const um = map && mpp ? map.layout.patch * mpp : 0;
    const bar = um ? scaleBar(um / this.tile, Math.min(this.tile * 0.8, 100)) : null;
    this.bar.style.width = bar ? `${bar.px}px` : 0;
    const unknown = map ? "one scale · pixel size unknown" : "";
    this.scale.textContent = bar ? `${bar.text} · each patch ${integer(Math.round(um))} µm` : unknown;
  }

  words(map, mpp) {
    const { settings, shown, parts } = this;
    if (!this.bench.slide) return "";
    if (!map) return "No map to choose patches by.";
    const found = [];
    if (parts.some(({ slide }) => !slide.view.token)) found.push(NO_FILE);
    if (settings.spread === "mm" && !mpp) found.push(NO_SIZE);
    const skipped = skips(shown, parts, settings);
    if (skipped) found.push(skipped);
    if (shown.length < settings.count) found.push(`Only ${shown.length} shown: ${fewer(settings, parts)}.`);
    return found.join(" ");
  }

  // ---- patches

  draw() {
    const nodes = this.shown.map((one) => this.thumb(one));
    const now = [...this.list.children];
    if (nodes.length !== now.length || nodes.some((node, i) => node !== now[i])) this.list.replaceChildren(...nodes);
    for (const [key, node] of this.nodes) if (this.nodes.size > KEPT && !node.isConnected) this.nodes.delete(key);
    if (this.pointed && !this.pointed.isConnected) this.point(null); // it left under the pointer, which tells nobody
    this.recolour();
    this.mark();
  }

  thumb({ part, index, key }) {
    const { slide, map } = this.parts[part];
    let node = this.nodes.get(key);
    if (!node) {
      node = this.make(slide, map.layout, index);
      this.nodes.set(key, node);
    }
    const several = this.parts.length > 1;
    const rank = rankOf(map, index);
    const value = valueText(map, map.values[index]);
    node.querySelector(".rank").textContent = `#${integer(rank)}`;
    node.querySelector(".value").textContent = value;
    const where = node.querySelector(".where");
    where.textContent = several ? slide.view.slide_id : "";
    where.hidden = !several;
    const place = several ? `, slide ${slide.view.slide_id}` : "";
    node.setAttribute("aria-label", `Rank ${integer(rank)} of ${integer(map.summary.n)}: ${value}${place}`);
    return node;
  }

  make(slide, layout, index) {
    const { bench } = this;
    const [x, y, side] = [layout.corners[2 * index], layout.corners[2 * index + 1], layout.patch];
    const { token, mpp, slide_id } = slide.view;
    const url = imageUrl(bench, token, x, y, side, pixelsAt20(side, mpp));
    const image = { src: url, alt: "", loading: "lazy", decoding: "async" };
    const picture = url ? element("img", image) : element("span", { class: "square" });
    const here = () => bench.slide?.view.slide_id === slide_id;
    const point = (on) => here() && this.point(on ? node : null, { x, y, w: side, h: side });
    const node = element(
      "button",
      {
        type: "button", class: "thumb", role: "option", tabindex: -1, "data-slide": slide_id, "data-index": index,
        ...pointing(point), onclick: () => visit(bench, slide_id, index),
      },
      picture,
      element("span", { class: "caption" }, element("b", { class: "rank" }), element("span", { class: "value" })),
      element("span", { class: "where" }),
    );
    return node;
  }

  point(node, box) {
    this.pointed = node;
    this.bench.highlight(node && box);
  }

  recolour() {
    const { bench } = this;
    const layers = this.parts.map(({ map }) => (map === bench.map ? bench.layer : colourLayer(map, bench.settings)));
    this.shown.forEach(({ part, index, key }) => {
      const [red, green, blue] = layers[part].solid.subarray(4 * index, 4 * index + 3);
      this.nodes.get(key)?.style.setProperty("--colour", `rgb(${red} ${green} ${blue})`);
    });
  }

  // Which of them is selected; it, or the first, is where Tab goes.
  mark() {
    const { bench } = this;
    let reached = false;
    for (const node of this.list.children) {
      const on = Number(node.dataset.index) === bench.selected && node.dataset.slide === bench.slide?.view.slide_id;
      node.setAttribute("aria-selected", String(on));
      node.tabIndex = on ? 0 : -1;
      reached ||= on;
    }
    if (!reached && this.list.firstChild) this.list.firstChild.tabIndex = 0;
  }

  keyDown(event) {
    const all = [...this.list.children];
    const at = all.indexOf(event.target.closest(".thumb"));
    const across = Math.max(1, all.filter((node) => node.offsetTop === all[0].offsetTop).length);
    const end = all.length - 1;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -end, End: end };
    const to = at + steps[event.key];
    if (Number.isNaN(to) || at < 0) return;
    event.preventDefault();
    event.stopPropagation(); // else the slide moves too
    const node = all[Math.min(Math.max(to, 0), end)];
    node.focus();
    if (node !== all[at]) visit(this.bench, node.dataset.slide, Number(node.dataset.index));
  }
}

// The choices in the words of the map's kind.
function choices(map) {
  const signed = map?.nature === "signed";
  const title = signed ? `${unitOf(map).title}: ` : "";
  const [high, low] = signed && map.unit === "risk" ? ["Up most", "Down most"] : ["Highest", "Lowest"];
  return [
    ["top", high, `${title}the highest values`],
    ["bottom", low, `${title}the lowest values`],
    ["random", "Random", "A random sample, the same each time"],
  ];
}

// The picture that the server makes: the same choice of patches, framed in the colours of the map on show.
function montageUrl(bench, { which, spread }) {
  const { map, settings, data } = bench;
  const { colormap, range } = settings;
  const { head, fold, nature } = map;
  const of = new URLSearchParams({ which, spread, n: 50, head, fold, scale: settings[nature], colormap, range });
  for (const slide of data.slides) {
    const view = slide.maps.find(({ id }) => id === map.view.id);
    if (view?.values) of.append("case", view.values);
  }
  return bench.url(`montage/${map.view.values}.png?${of}`);
}

// Why ranks are missing between those that are shown.
function skips(shown, parts, { which, spread }) {
  if (which === "random" || spread === "none" || shown.length < 2) return "";
  const ranks = shown.map(({ part, index }) => rankOf(parts[part].map, index));
  if (Math.abs(ranks.at(-1) - ranks[0]) < shown.length) return "";
  const after = ranks.findIndex((rank, i) => i && Math.abs(rank - ranks[i - 1]) > 1);
  const why = spread === "mm" ? "lie within a millimetre of" : "touch";
  return `#${integer(ranks[after - 1])}, #${integer(ranks[after])} …: patches that ${why} a shown one are left out.`;
}

function fewer({ spread }, parts) {
  const n = parts.reduce((sum, { values }) => sum + values.length, 0);
  if (spread === "mm") return "no other lies far enough from all of them. Choose another spread to see more";
  if (spread === "apart") return "every other one touches one of them";
  return `the map has values for ${integer(n)} patches`;
}
