// The second stage, beside the first: the slide alone, another map, or the difference of two maps (A − B). It follows the
// first in pan, zoom and rotation, exactly, and leads it when a person moves the second.

import { agreementWords } from "./agreement.js";
import { alike, difference } from "./difference.js";
import { colourLayer } from "./drawing.js";
import { legend } from "./legend.js";
import { askFor, modelPicker } from "./models.js";
import { element, fill, select } from "./panel.js";
import { Stage } from "./stage.js";

const SHOWS = [["slide", "Slide alone"], ["map", "Another map"], ["difference", "Difference A − B"]];

export class SecondStage {
  constructor(OpenSeadragon, bench, fullScreen) {
    this.bench = bench;
    this.main = bench.stage;
    this.calls = 0;
    this.stage = new Stage(OpenSeadragon, `${bench.data.key}#2`, { clicked: (index) => bench.select(index), fullScreen, follows: () => bench.second?.linked }, this.main.common);
    this.legend = legend();
    this.bar = this.controls();
    this.stage.element.append(this.legend.node);
    this.element = element("div", { class: "second", hidden: true }, this.stage.element);
    this.link();
    const show = () => this.show();
    for (const name of ["second", "data", "slide"]) bench.addEventListener(name, () => this.refresh());
    bench.addEventListener("map", (event) => (event.detail.colour ? this.colour() : show()));
    bench.addEventListener("settings", () => this.fade());
  }

  // ---- what it shows

  controls() {
    const { bench } = this;
    const choose = (change) => bench.setSecond({ choice: bench.fitting(change, bench.second.choice) });
    this.shows = select("The second stage shows", SHOWS, "slide", (shows) => bench.setSecond({ shows }));
    this.model = modelPicker(bench, (model) => choose({ model }));
    this.kind = select("Kind of the second map", [], "", (kind) => choose({ kind }));
    this.direction = select("Direction of the second map", [], "", (id) => choose({ query: id.split(":")[0], key: id.split(":")[1] }));
    this.token = select("Token of the second map", [], "", (token) => choose({ token }));
    this.fold = select("Fold of the second map", [], "", (fold) => choose({ fold: /^\d+$/.test(fold) ? Number(fold) : fold }));
    this.linked = element("input", { type: "checkbox", onchange: () => bench.setSecond({ linked: this.linked.checked }) });
    const close = element("button", { type: "button", class: "close", title: "Close (S)", "aria-label": "Close the second stage", onclick: () => bench.setSecond(null) }, "×");
    this.note = element("p", { class: "note", role: "status", hidden: true });
    return element(
      "div", { class: "second-bar", hidden: true, role: "group", "aria-label": "Second stage" },
      element("span", { class: "muted" }, "Right:"), this.shows, this.model.node, this.kind, this.direction, this.token, this.fold,
      element("label", { class: "check", title: "Both stages move together" }, this.linked, "Linked"), close, this.note,
    );
  }

  refresh() {
    const { bench } = this;
    const { second, slide } = bench;
    this.element.hidden = this.bar.hidden = !second || !slide;
    if (this.element.hidden) {
      this.stage.close();
      this.opened = null;
      this.tell(null);
      return;
    }
    const fitted = bench.fitting({}, second.choice); // a checkpoint's directions have come, or the page's own have changed
    if (JSON.stringify(fitted) !== JSON.stringify(second.choice)) return bench.setSecond({ choice: fitted });
    this.refreshControls();
    const view = JSON.stringify(slide.view);
    if (this.opened !== view) this.stage.open(slide.view, bench.data.root);
    this.opened = view;
    if (second.linked) this.follow(this.main, this.stage);
    this.show();
  }

  refreshControls() {
    const { bench } = this;
    const { shows, choice, linked } = bench.second;
    const { kinds, directions } = bench.offer(choice);
    const asked = bench.kind(choice.kind)?.asked !== false;
    this.shows.value = shows;
    this.linked.checked = linked;
    this.model.refresh(choice.model ?? "", shows !== "slide");
    fill(this.kind, kinds.filter(({ state }) => state === "ready").map(({ id, label }) => [id, label]), choice.kind);
    fill(this.direction, directions.map((one) => [`${one.query}:${one.key}`, one.label]), `${choice.query}:${choice.key}`);
    fill(this.token, (bench.direction(choice)?.tokens ?? []).map(({ name }) => [name, name === "all" ? "All tokens" : name]), choice.token);
    const { folds = 1 } = bench.viewOf(choice)?.detail ?? {};
    fill(this.fold, [["mean", "Mean of folds"], ["sd", "SD"], ...Array.from({ length: folds }, (_, i) => [i, `Fold ${i + 1}`])], choice.fold);
    for (const node of [this.kind, this.direction, this.token, this.fold]) node.hidden = shows === "slide" || !directions.length;
    this.direction.hidden ||= !asked;
    this.token.hidden ||= !asked;
    this.fold.hidden ||= folds < 2;
    for (const node of [this.kind, this.direction, this.token]) node.hidden ||= node.length < 2; // nothing to choose
  }

  async show() {
    const { bench } = this;
    if (!bench.second || !bench.slide) return;
    const call = ++this.calls;
    const { shows, choice } = bench.second;
    let map = null;
    let words = "";
    try {
      const view = bench.viewOf(choice);
      if (shows !== "slide" && !view) words = askFor(bench, choice) || "This map is not computed yet. Choose it on the left to compute it.";
      else if (shows === "map") map = await bench.load(view, choice);
      else if (shows === "difference") map = bench.map && (await difference(bench, bench.choice, choice));
      if (map && bench.map) words = agreementWords(await alike(bench, bench.choice, choice));
      if (shows === "map" && map?.summary.flat) words += " The second map is almost flat: colours show tiny differences.";
      if (map && shows === "difference") words = `${map.view.semantics} ${words}`;
    } catch (error) {
      words = `The map could not be loaded: ${error.message}`;
    }
    if (call !== this.calls) return;
    this.map = map;
    this.note.textContent = words;
    this.note.hidden = !words;
    this.element.dataset.map = map?.view.id ?? "";
    this.colour();
    this.tell(map);
  }

  // Other panels name the map and say what it means.
  tell(map) {
    if (!map && !this.bench.beside) return;
    this.bench.beside = map;
    this.bench.emit("beside");
  }

  colour() {
    const { settings, second } = this.bench;
    if (!second) return;
    this.stage.show(this.map, this.map && colourLayer(this.map, settings), settings.smooth);
    this.legend.refresh(settings, this.map);
    this.fade();
  }

  fade() {
    this.stage.setOpacity(this.main.opacity);
  }

  // ---- the two move together

  link() {
    const { main, stage } = this;
    this.leader = main;
    for (const one of [main, stage]) {
      const lead = () => (this.leader = one);
      one.on.leads = lead;
      for (const name of ["pointerdown", "wheel"]) one.element.addEventListener(name, lead, { capture: true, passive: true });
    }
    main.on.moved = () => this.follow(main, stage);
    stage.on.moved = () => this.follow(stage, main);
    main.on.redrawn = () => this.mirror(main, stage);
    stage.on.redrawn = () => this.mirror(stage, main);
  }

  follow(from, to) {
    if (this.leader !== from || !this.bench.second?.linked || !from.isOpen) return;
    to.setViewport(from.viewport(true), true);
  }

  // Marks of the one on the other.
  mirror(from, to) {
    if (!this.bench.second || !to.isOpen) return;
    to.pointed = from.pointed;
    to.goneTo = from.goneTo;
    to.selected = to.map ? this.bench.selected : -1;
    to.hovered = to.map && from.map ? from.hovered : -1;
    to.osd.forceRedraw();
  }

  destroy() {
    this.stage.destroy();
  }
}
