// The workbench's frame: left the stages with their caption and the slide strip, right a rail of tabs, below the gallery. It mounts the
// panels, and keeps the stage showing what the bench says.

import { Bench } from "./bench.js";
import * as caption from "./caption.js";
import * as card from "./card.js";
import { computing } from "./computing.js";
import * as exports from "./exports.js";
import * as gallery from "./gallery.js";
import { listenToKeys } from "./keys.js";
import { legend } from "./legend.js";
import * as map from "./map.js";
import { recall, remember } from "./memory.js";
import { element } from "./panel.js";
import { inAddress, mirrorInAddress } from "./permalink.js";
import * as regions from "./regions.js";
import { fadeWhereMore } from "./scrolling.js";
import { SecondStage } from "./second.js";
import { Stage } from "./stage.js";
import * as stories from "./stories.js";
import * as strip from "./strip.js";
import { toolbar } from "./toolbar.js";

const TABS = { map: "Map", card: "Patch", regions: "Regions", stories: "Stories" };
const PANELS = { map, card, regions, stories, gallery, exports, strip, caption };

// The css files of the workbench and of its panels.
export const STYLES = ["viewer.css", "workbench.css", "faithfulness.css", ...Object.values(PANELS).flatMap(({ style }) => style ?? [])];

export class Workbench {
  constructor(OpenSeadragon, host, data) {
    this.OpenSeadragon = OpenSeadragon;
    this.bench = new Bench(data);
    this.build();
    host.append(this.root);
    this.keys = listenToKeys(this);
    const { bench } = this;
    const name = [data.key, data.case.id];
    bench.pending = inAddress() ?? recall(...name) ?? null;
    this.leave = mirrorInAddress(bench, (state) => remember(state, ...name));
    bench.addEventListener("slide", () => this.stage.open(bench.slide?.view ?? null, bench.data.root));
    bench.addEventListener("map", () => this.refresh());
    bench.addEventListener("settings", () => this.refreshOpacity());
    bench.addEventListener("beside", () => this.name());
    bench.addEventListener("select", () => this.mark());
    bench.addEventListener("open", (event) => this.open(event.detail.tab));
  }

  build() {
    const { bench } = this;
    this.stage = new Stage(this.OpenSeadragon, bench.data.key, {
      clicked: (index) => this.clicked(index),
      settled: () => bench.emit("view"),
      fullScreen: () => this.fullScreen(),
    });
    bench.stage = this.stage;
    this.legend = legend();
    this.stage.element.append(this.legend.node, computing(bench));
    this.second = new SecondStage(this.OpenSeadragon, bench, () => this.fullScreen());
    this.stages = element("div", { class: "stages" }, this.stage.element, this.second.element);
    const mount = (name) => element("section", { class: `mount at-${name}` }, draw(name, bench));
    this.tabs = Object.entries(TABS).map(([name, label]) =>
      element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => this.open(name) }, label));
    this.panes = Object.keys(TABS).map((name) =>
      fadeWhereMore(element("div", { role: "tabpanel", id: `panel-${name}`, class: `pane at-${name}`, "aria-labelledby": `tab-${name}` }, draw(name, bench))));
    this.rail = element(
      "aside", { class: "rail", "aria-label": "Map, patch, regions, stories" },
      element("div", { class: "tabs", role: "tablist" }, ...this.tabs), ...this.panes, mount("exports"),
    );
    this.body = element("div", { class: "body" }, element("div", { class: "left" }, toolbar(this), this.second.bar, this.stages, mount("caption"), mount("strip")), this.rail);
    this.root = element("div", { class: "viewer", tabindex: 0, role: "application" }, this.body, mount("gallery"));
    this.root.addEventListener("blur", () => this.peek(false));
    const focus = () => this.root.focus({ preventScroll: true });
    this.stages.addEventListener("pointerdown", focus);
    this.stages.addEventListener("pointerenter", () => document.activeElement === document.body && focus());
    this.open("map");
  }

  open(name) {
    Object.keys(TABS).forEach((one, i) => {
      this.tabs[i].setAttribute("aria-selected", String(one === name));
      this.panes[i].hidden = one !== name;
    });
  }

  update(data, send) {
    this.body.style.setProperty("--height", `${data.height}px`);
    this.bench.update(data, send);
    const { slide } = this.bench;
    this.root.setAttribute("aria-label", slide ? `Slide viewer: ${slide.view.slide_id}` : "Slide viewer, empty");
    if (!slide) this.stage.open(null, data.root);
  }

  clicked(index) {
    this.bench.select(index);
    if (index >= 0) this.open("card");
  }

  mark() {
    this.stage.selected = this.bench.selected;
    this.stage.redraw();
  }

  refresh() {
    const { bench } = this;
    this.root.dataset.map = bench.map?.view.id ?? "";
    this.stage.show(bench.map, bench.layer, bench.settings.smooth);
    this.name();
    this.mark();
    this.refreshOpacity();
  }

  // The colour bar says whose map it is, where another checkpoint's is beside it.
  name() {
    const { map, settings } = this.bench;
    this.legend.refresh(settings, map, map && this.bench.titleOf(map.view));
  }

  refreshOpacity() {
    const { visible, opacity } = this.bench.settings;
    this.stage.setOpacity(visible && !this.peeking ? opacity : 0);
    this.second.fade();
  }

  peek(on) {
    if (Boolean(this.peeking) === on) return;
    this.peeking = on;
    this.refreshOpacity();
  }

  toggleSecond() {
    this.bench.setSecond(this.bench.second ? null : {});
  }

  showKeys() {
    this.keys.open ? this.keys.close() : this.keys.showModal();
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  destroy() {
    this.leave();
    this.second.destroy();
    this.stage.destroy();
    this.root.remove();
  }
}

// A panel that fails says so in its own place, and takes nothing else with it.
function draw(name, bench) {
  try {
    return PANELS[name].panel(bench);
  } catch (error) {
    console.error(error);
    return element("p", { class: "muted" }, `This panel could not be drawn (${error.message}). Reload the page.`);
  }
}
