// The slide viewer. `render` is called on mount and on every change of data, always with the same parentElement, and
// `unmount` when that has left the page (pages/components/assets.py sees to the order). What is drawn lives in a
// SlideViewer per parentElement, and only what changed is applied.

import { COLORMAPS } from "./colormaps.js";
import { MapStore } from "./maps.js";
import { recall, remember } from "./memory.js";
import { loadOpenSeadragon } from "./deepzoom.js";
import { colourise, gridImage } from "./overlay.js";
import { controls, element, labelled, legend } from "./panel.js";
import { clamp, integer, SCALES } from "./scales.js";
import { Stage } from "./stage.js";

const DEFAULTS = { visible: true, opacity: 0.45, threshold: 0, scale: "fold", range: 4, colormap: "viridis", smooth: false };
const PREFETCH = 32;
const KEYS = "Space: look under the map · H: map on, off · [ ]: opacity · + − 0: zoom · R: rotate · F: full screen";
const SPREAD = "Effective patches: as many equally weighted patches would be as concentrated (exponential of the entropy)";
const FLAT = "This map is almost flat; colours show tiny differences.";
const viewers = new WeakMap();

export async function render(component) {
  const host = component.parentElement;
  if (!viewers.has(host)) {
    const style = element("link", { rel: "stylesheet", href: new URL("viewer.css", import.meta.url).href });
    const styled = new Promise((resolve) => (style.onload = style.onerror = resolve));
    host.append(style);
    const made = Promise.all([loadOpenSeadragon(), styled]);
    viewers.set(host, made.then(([OpenSeadragon]) => new SlideViewer(OpenSeadragon, host, component.data)));
  }
  const viewer = await viewers.get(host);
  viewer.update(component);
}

export async function unmount(host) {
  const made = viewers.get(host);
  viewers.delete(host);
  (await made)?.destroy();
}

// Whether a key belongs to the control that has the focus, and not to the view.
function keyOfControl({ target, key }) {
  if (target.matches("select")) return true;
  if (target.matches("[type=range]")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return target.matches("input, button") && (key === " " || key === "Enter");
}

class SlideViewer {
  constructor(OpenSeadragon, host, data) {
    this.data = data;
    this.settings = { ...DEFAULTS, ...recall(data.key, "settings") };
    this.store = new MapStore();
    this.map = null; // the one on show
    this.build(OpenSeadragon, host);
  }

  build(OpenSeadragon, host) {
    this.legend = legend();
    this.controls = controls(this.settings, (name, value) => this.set(name, value));
    this.picker = element("select", { onchange: () => this.choose(this.picker.value, true) });
    this.pickerField = labelled("Map", this.picker);
    this.pickerField.classList.add("picker");
    this.controls.fields.prepend(this.pickerField);
    this.stage = new Stage(OpenSeadragon, this.data.key, {
      clicked: (index, map) => this.clicked(index, map),
      fullScreen: () => this.fullScreen(),
    });
    this.stage.element.append(this.legend.node);
    this.notes = element("div", { class: "notes" });
    this.again = element("button", { type: "button", onclick: () => this.choose(this.wanted, false) }, "Try again");
    this.root = element(
      "div",
      { class: "viewer", tabindex: 0, role: "application", onkeydown: (e) => this.keyDown(e), onkeyup: (e) => this.keyUp(e) },
      this.controls.fields, this.stage.element, this.notes,
    );
    this.root.addEventListener("blur", () => this.peek(false));
    const focus = () => this.root.focus({ preventScroll: true });
    this.stage.element.addEventListener("pointerdown", focus);
    this.stage.element.addEventListener("pointerenter", () => document.activeElement === document.body && focus());
    this.onHighlight = (event) => this.highlight(event.detail);
    window.addEventListener("survviz:highlight", this.onHighlight);
    host.append(this.root);
  }

  update({ data, setTriggerValue }) {
    const before = this.shown ?? {};
    this.data = data;
    this.send = (event) => setTriggerValue("event", event);
    this.root.style.height = `${data.height}px`;
    this.root.setAttribute("aria-label", data.slide ? `Slide viewer: ${data.slide.slide_id}` : "Slide viewer, empty");
    const slide = JSON.stringify(data.slide);
    if (slide !== before.slide) this.stage.open(data.slide, data.root);
    const maps = JSON.stringify(data.maps);
    if (maps !== before.maps) this.listMaps();
    if (data.active !== before.active || maps !== before.maps) this.choose(data.active, false);
    const goto = data.goto ? JSON.stringify(data.goto) : null;
    if (goto && goto !== recall(data.key, "goto")) this.stage.goto(data.goto);
    remember(goto, data.key, "goto"); // outlives this viewer, so that coming back to the page does not fly again
    this.shown = { slide, maps, active: data.active };
    this.refresh();
  }

  // From a gallery on the same page: {viewer, box: {x, y, w, h} or null, zoom}. No rerun.
  highlight({ viewer, box, zoom }) {
    if (viewer !== this.data.key) return;
    if (zoom) this.stage.goto(box);
    else this.stage.point(box);
  }

  clicked(index, map) {
    const { corners } = map.layout;
    this.send({ kind: "patch", map: map.view.id, index, x: corners[2 * index], y: corners[2 * index + 1] });
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  // ---- which map

  listMaps() {
    const { maps, picker, root } = this.data;
    this.picker.replaceChildren(...maps.map((map) => element("option", { value: map.id }, map.label)));
    for (const node of this.controls.fields.children) node.hidden = !maps.length;
    this.pickerField.hidden = !picker || maps.length < 2;
    this.controls.fields.hidden = !maps.length;
    const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200));
    idle(() => maps.slice(0, PREFETCH).forEach((view) => this.store.load(root, view).catch(() => {}))); // shown when chosen
  }

  async choose(id, byHand) {
    const view = this.data.maps.find((map) => map.id === id);
    this.wanted = id;
    this.picker.value = id ?? "";
    if (byHand) this.send({ kind: "map", map: id });
    if (!view) return this.show(null);
    this.root.setAttribute("aria-busy", "true");
    try {
      const map = await this.store.load(this.data.root, view);
      if (this.wanted === id) this.show({ ...map, view });
    } catch (error) {
      if (this.wanted === id) this.show(null, `The map “${view.label}” could not be loaded: ${error.message}`);
    }
    this.root.removeAttribute("aria-busy");
  }

  show(map, problem = "") {
    this.map = map;
    this.problem = problem;
    this.root.dataset.map = map?.view.id ?? "";
    this.recolour();
  }

  // ---- how it is drawn

  set(name, value) {
    this.settings = { ...this.settings, [name]: value };
    remember(this.settings, this.data.key, "settings");
    if (name === "opacity" || name === "visible") this.refresh();
    else this.recolour();
  }

  recolour() {
    const { map, settings } = this;
    if (map) {
      const scale = SCALES[settings.scale];
      const places = Float32Array.from(map.values, (fold, i) => clamp(scale.place(fold, i, map, settings.range)));
      map.colours = colourise(places, COLORMAPS[settings.colormap].table, settings.threshold);
      if (map.layout.regular) map.image = gridImage(map.layout, map.colours);
    }
    this.stage.show(map, settings.smooth);
    this.refresh();
  }

  refresh() {
    const { map, settings } = this;
    const hidden = map && settings.threshold > 0;
    this.controls.refresh(settings, hidden ? SCALES[settings.scale].at(settings.threshold, map, settings.range) : "off");
    this.legend.refresh(settings, map);
    this.stage.setOpacity(settings.visible && !this.peeking ? settings.opacity : 0);
    const notes = this.words();
    this.notes.replaceChildren(...notes.map(([level, text, title]) => element("p", { class: `note ${level}`, title }, text)));
    if (this.problem) this.notes.firstChild.append(this.again);
    this.notes.hidden = !notes.length;
  }

  // [level, text, tooltip] of every line below the stage.
  words() {
    const notes = [];
    if (this.problem) notes.push(["warning", this.problem]);
    if (this.data.slide?.reason) notes.push(["", this.data.slide.reason]);
    if (!this.map) return notes;
    const { effective, n, topShare, flat } = this.map.summary;
    if (flat) notes.push(["warning", FLAT]);
    const share = `the top 1 % hold ${Math.round(100 * topShare)} % of this slide’s attention`;
    notes.push(["", `Effective patches ${integer(Math.round(effective))} of ${integer(n)} · ${share}`, SPREAD]);
    const { note } = SCALES[this.settings.scale];
    if (note) notes.push(["", note]);
    notes.push(["keys", KEYS]);
    return notes;
  }

  // ---- keys

  peek(on) {
    if (this.peeking === on) return;
    this.peeking = on;
    this.refresh();
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation(); // Streamlit reads single keys too (R reruns)
    if (keyOfControl(event)) return;
    const { stage, settings } = this;
    const fade = (by) => this.set("opacity", clamp(Math.round(100 * (settings.opacity + by)) / 100));
    const actions = {
      " ": () => this.peek(true),
      h: () => this.set("visible", !settings.visible),
      "[": () => fade(-0.05),
      "]": () => fade(0.05),
      "+": () => stage.zoom(1.5),
      "=": () => stage.zoom(1.5),
      "-": () => stage.zoom(1 / 1.5),
      0: () => stage.home(),
      r: () => stage.rotate(event.shiftKey ? -90 : 90),
      m: () => stage.toggleOverview(),
      f: () => this.fullScreen(),
      escape: () => stage.unmark(),
      arrowleft: () => stage.pan(-80, 0),
      arrowright: () => stage.pan(80, 0),
      arrowup: () => stage.pan(0, -80),
      arrowdown: () => stage.pan(0, 80),
    };
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  keyUp(event) {
    if (event.key === " ") this.peek(false);
  }

  destroy() {
    this.stage.destroy();
    window.removeEventListener("survviz:highlight", this.onHighlight);
    this.root.remove();
  }
}
