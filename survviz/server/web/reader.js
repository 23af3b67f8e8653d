// A screen of a reader study: the slide with one map, and one question. There is no rail, no gallery and no read-out,
// because they would tell a real map from a control; the page tells the browser neither the case nor the kind of map.

import { COLORMAPS } from "./colormaps.js";
import { loadOpenSeadragon } from "./deepzoom.js";
import { colourLayer } from "./drawing.js";
import { MapStore } from "./maps.js";
import { addStyle, element, labelled } from "./panel.js";
import { Question } from "./question.js";
import { clamp } from "./scales.js";
import { Stage } from "./stage.js";
import { Stopwatch } from "./stopwatch.js";

const STYLES = ["viewer.css", "reader.css"];
const OPACITY = 0.45;
const UNANSWERED_MS = 8000;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = "Space: look under the map · H: map on, off · [ ]: opacity · + − 0: zoom · R: rotate · P: pause";
const mounted = new WeakMap();

export async function render(component) {
  const host = component.parentElement;
  if (!mounted.has(host)) mounted.set(host, mount(host, component.data));
  const reader = await mounted.get(host);
  reader.update(component.data, (event) => component.setTriggerValue("event", event));
}

async function mount(host, data) {
  const [OpenSeadragon] = await Promise.all([loadOpenSeadragon(), ...STYLES.map((name) => addStyle(host, name))]);
  return new Reader(OpenSeadragon, host, data);
}

export async function unmount(host) {
  const made = mounted.get(host);
  mounted.delete(host);
  (await made)?.destroy();
}

class Reader {
  constructor(OpenSeadragon, host, data) {
    this.store = new MapStore(data.root);
    this.opacity = OPACITY;
    this.visible = true;
    this.stopwatch = new Stopwatch();
    this.stage = new Stage(OpenSeadragon, data.key, {
      clicked: (index) => this.clicked(index),
      fullScreen: () => this.fullScreen(),
      readout: false,
    });
    this.build();
    host.append(this.root);
    this.onKey = (event) => this.keyDown(event);
    this.onKeyUp = (event) => event.key === " " && this.peek(false);
    window.addEventListener("keydown", this.onKey, { capture: true }); // a reader need not click first
    window.addEventListener("keyup", this.onKeyUp, { capture: true });
  }

  build() {
    this.opacitySlider = element("input", {
      type: "range", min: 0, max: 1, step: 0.05, value: OPACITY, "aria-label": "Opacity of the map",
      oninput: () => this.setOpacity(Number(this.opacitySlider.value)),
    });
    this.show = element("input", { type: "checkbox", checked: true, onchange: () => this.setVisible(this.show.checked) });
    this.progress = element("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.where = element("p", { class: "where" });
    this.banner = element("p", { class: "banner" }, "Practice: these answers are not kept.");
    this.slot = element("div", { class: "slot" });
    this.said = element("p", { class: "said", role: "status" });
    this.pauseButton = element("button", { type: "button", onclick: () => this.pause(!this.paused) }, "Pause");
    this.veil = element(
      "div", { class: "veil", hidden: true },
      element("p", {}, "Paused. Your answers are saved, and the clock stands still."),
      element("button", { type: "button", class: "next", onclick: () => this.pause(false) }, "Go on"),
    );
    const side = element(
      "aside", { class: "side", "aria-label": "Question" },
      this.banner, this.where, this.progress, this.slot, this.said,
      element("div", { class: "drawn" }, this.legend(), labelled("Opacity", this.opacitySlider), element("label", { class: "check" }, this.show, "Show map")),
      element("div", { class: "foot" }, this.pauseButton, element("p", { class: "keys" }, KEYS)),
    );
    this.root = element("div", { class: "viewer reader" }, element("div", { class: "stages" }, this.stage.element), side, this.veil);
  }

  // Words at the ends and no numbers: the same for every kind of map.
  legend() {
    const { table } = COLORMAPS.viridis;
    const stops = [0, 64, 128, 192, 255].map((i) => `rgb(${table[3 * i]} ${table[3 * i + 1]} ${table[3 * i + 2]})`);
    const bar = element("div", { class: "ramp", style: `background: linear-gradient(to right, ${stops.join(", ")})` });
    return element("div", { class: "legend-words", role: "img", "aria-label": "Colours: from less to more" }, "less", bar, "more");
  }

  // ---- what is asked

  update(data, send) {
    this.send = send;
    this.root.style.setProperty("--height", `${data.height}px`);
    const isNew = data.screen !== this.data?.screen;
    const otherSlide = data.slide.token !== this.data?.slide.token || data.map.values !== this.data?.map.values;
    this.data = data;
    if (otherSlide) this.open();
    if (isNew || data.problem) this.ask();
  }

  async open() {
    const { slide, map, root, colour_range: range } = this.data;
    this.ready = null;
    this.stage.open(slide, root);
    const loading = this.store.load(map, [map], "mean", "mean");
    this.ready = loading.then((found) => {
      if (this.data.map.values !== map.values) return;
      this.stage.show(found, colourLayer(found, { share: "fold", range, colormap: "viridis", threshold: 0 }), false);
      this.refresh();
    });
    await this.ready.catch((error) => this.stage.say(`The map could not be loaded: ${error.message}`, true));
  }

  async ask() {
    const { data } = this;
    const { question, case: number, cases, tutorial, done, total, screen } = data;
    const asked = (this.asked = {}); // newer data of the same screen do not end it
    clearTimeout(this.waiting);
    this.question = null;
    this.root.dataset.screen = "";
    this.banner.hidden = !tutorial;
    this.where.textContent = `${tutorial ? "Practice slide" : `Slide ${number} of ${cases}`} · question ${question.number} of ${question.of}`;
    this.progress.value = total ? done / total : 0;
    this.said.textContent = data.problem || "Loading the slide …";
    this.slot.replaceChildren();
    const why = await this.shown().then(() => "", (error) => error.message);
    if (this.asked !== asked) return;
    if (why) return this.offerAgain(why);
    this.question = new Question(question, { changed: () => this.mark(), confirmed: () => this.answer() });
    this.slot.replaceChildren(this.question.node);
    this.said.textContent = data.problem ?? "";
    this.mark();
    this.question.focus();
    this.stopwatch.start();
    this.root.dataset.screen = screen; // from now on keys answer it
  }

  // Once the slide and its map are on the screen.
  async shown() {
    await this.ready;
    while (!(this.stage.isOpen && this.stage.loaded)) {
      if (this.stage.osd && this.stage.explained) throw new Error("The slide did not arrive.");
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  offerAgain(why) {
    this.said.textContent = `This screen could not be loaded: ${why} Your answers are saved.`;
    const again = () => {
      this.open();
      this.ask();
    };
    this.slot.replaceChildren(element("button", { type: "button", class: "next", onclick: again }, "Try again"));
  }

  answer() {
    if (!this.question?.isComplete || this.paused) return;
    const { screen } = this.data;
    this.send({ kind: "answer", screen, value: this.question.value, ...this.stopwatch.read() });
    this.question.lock(true);
    this.root.dataset.screen = "";
    this.said.textContent = "Saving …";
    const { question } = this;
    this.waiting = setTimeout(() => {
      question.lock(false);
      this.root.dataset.screen = screen;
      this.said.textContent = "This answer has not been saved yet. Press Next again, or reload the page.";
    }, UNANSWERED_MS);
  }

  pause(on) {
    if (Boolean(this.paused) === on || (on && !this.root.dataset.screen)) return;
    this.paused = on;
    this.stopwatch.pause(on);
    this.veil.hidden = !on;
    this.pauseButton.textContent = on ? "Go on" : "Pause";
    this.send({ kind: on ? "pause" : "resume", screen: this.data.screen });
  }

  // ---- the slide

  clicked(index) {
    if (index >= 0 && this.question?.question.kind === "region" && !this.paused) this.question.choose(index);
  }

  mark() {
    const isRegion = this.question?.question.kind === "region";
    this.stage.selected = isRegion && this.question.value !== null ? this.question.value : -1;
    this.stage.redraw();
  }

  // The next patch in a direction; the first is the one nearest to the middle of the view.
  step([dx, dy]) {
    const { layout } = this.stage.map;
    const { corners, patch } = layout;
    const { value } = this.question;
    if (value !== null) {
      const next = layout.at(corners[2 * value] + (dx + 0.5) * patch, corners[2 * value + 1] + (dy + 0.5) * patch);
      if (next >= 0) this.question.choose(next);
      return;
    }
    const { x, y } = this.stage.viewport();
    const away = (i) => Math.hypot(corners[2 * i] + patch / 2 - x, corners[2 * i + 1] + patch / 2 - y);
    let nearest = 0;
    for (let i = 1; i < layout.n; i++) if (away(i) < away(nearest)) nearest = i;
    this.question.choose(nearest);
  }

  setOpacity(opacity) {
    this.opacity = clamp(opacity);
    this.opacitySlider.value = this.opacity;
    this.refresh();
  }

  setVisible(on) {
    this.visible = this.show.checked = on;
    this.refresh();
  }

  peek(on) {
    this.peeking = on;
    this.refresh();
  }

  refresh() {
    this.stage.setOpacity(this.visible && !this.peeking ? this.opacity : 0);
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  // ---- keys

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || !this.root.isConnected) return;
    const [target] = event.composedPath();
    const inside = this.root.contains(target);
    if (!inside && target.closest?.("input, textarea, select, [role=dialog]")) return;
    if (inside && target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    if (inside && target.matches("button, input") && event.key === " ") return;
    if (inside && target.matches("button:not([role=radio]):not(.next)") && event.key === "Enter") return;
    if (!this.take(event)) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit reads single keys too (R reruns)
  }

  take(event) {
    if (this.paused) {
      if (!["p", "P", "Enter"].includes(event.key)) return false;
      this.pause(false);
      return true;
    }
    const live = this.root.dataset.screen && this.question;
    if (live && this.question.key(event)) return true;
    if (live && this.question.text && event.composedPath()[0] === this.question.text) return false;
    if (live && this.question.question.kind === "region" && ARROWS[event.key]) {
      this.step(ARROWS[event.key]);
      return true;
    }
    const { stage } = this;
    const actions = {
      " ": () => this.peek(true),
      h: () => this.setVisible(!this.visible),
      "[": () => this.setOpacity(this.opacity - 0.05),
      "]": () => this.setOpacity(this.opacity + 0.05),
      "+": () => stage.zoom(1.5),
      "=": () => stage.zoom(1.5),
      "-": () => stage.zoom(1 / 1.5),
      0: () => stage.home(),
      r: () => stage.rotate(event.shiftKey ? -90 : 90),
      m: () => stage.toggleOverview(),
      f: () => this.fullScreen(),
      p: () => this.pause(true),
    };
    const action = actions[event.key.toLowerCase()];
    action?.();
    return Boolean(action);
  }

  destroy() {
    clearTimeout(this.waiting);
    window.removeEventListener("keydown", this.onKey, { capture: true });
    window.removeEventListener("keyup", this.onKeyUp, { capture: true });
    this.stopwatch.stop();
    this.stage.destroy();
    this.root.remove();
  }
}
