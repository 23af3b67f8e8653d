// The workbench's frame: left the stages with the slide strip, right a rail of tabs, below the gallery. It mounts the
// panels, and keeps the stage showing what the bench says.

import { Bench } from "./bench.js";
import { listenToKeys } from "./keys.js";
import { legend } from "./legend.js";
import { recall, remember } from "./memory.js";
import { addStyle, element } from "./panel.js";
import { inAddress, mirrorInAddress } from "./permalink.js";
import { SecondStage } from "./second.js";
import { Stage } from "./stage.js";
import { toolbar } from "./toolbar.js";

const TABS = [["map", "Map"], ["card", "Patch"], ["regions", "Regions"], ["stories", "Stories"]];
const ELSEWHERE = ["gallery", "exports", "strip"];

export class Workbench {
  static async mount(OpenSeadragon, host, data) {
    const names = [...TABS.map(([name]) => name), ...ELSEWHERE];
    const panels = await Promise.all(names.map((name) => loadPanel(host, name)));
    return new Workbench(OpenSeadragon, host, data, Object.fromEntries(names.map((name, i) => [name, panels[i]])));
  }

  constructor(OpenSeadragon, host, data, panels) {
    this.OpenSeadragon = OpenSeadragon;
    this.bench = new Bench(data);
    this.build(panels);
    host.append(this.root);
    this.keys = listenToKeys(this);
    const { bench } = this;
    const name = [data.key, data.case.id];
    bench.pending = inAddress() ?? recall(...name) ?? null;
    this.leave = mirrorInAddress(bench, (state) => remember(state, ...name));
    bench.addEventListener("slide", () => this.stage.open(bench.slide?.view ?? null, bench.data.root));
    bench.addEventListener("map", () => this.refresh());
    bench.addEventListener("settings", () => this.refreshOpacity());
    bench.addEventListener("select", () => this.mark());
    bench.addEventListener("open", (event) => this.open(event.detail.tab));
  }

  build(panels) {
    const { bench } = this;
    this.stage = new Stage(this.OpenSeadragon, bench.data.key, {
      clicked: (index) => this.clicked(index),
      settled: () => bench.emit("view"),
      fullScreen: () => this.fullScreen(),
    });
    bench.stage = this.stage;
    this.legend = legend();
    this.stage.element.append(this.legend.node);
    this.second = new SecondStage(this.OpenSeadragon, bench, () => this.fullScreen());
    this.stages = element("div", { class: "stages" }, this.stage.element, this.second.element);
    const mount = (name) => element("section", { class: `mount at-${name}` }, panels[name](bench));
    this.tabs = TABS.map(([name, label]) =>
      element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => this.open(name) }, label));
    this.panes = TABS.map(([name]) =>
      element("div", { role: "tabpanel", id: `panel-${name}`, class: `pane at-${name}`, "aria-labelledby": `tab-${name}` }, panels[name](bench)));
    this.rail = element(
      "aside", { class: "rail", "aria-label": "Map, patch, regions, stories" },
      element("div", { class: "tabs", role: "tablist" }, ...this.tabs), ...this.panes, mount("exports"),
    );
    this.body = element("div", { class: "body" }, element("div", { class: "left" }, toolbar(this), this.second.bar, this.stages, mount("strip")), this.rail);
    this.root = element("div", { class: "viewer", tabindex: 0, role: "application" }, this.body, mount("gallery"));
    this.root.addEventListener("blur", () => this.peek(false));
    const focus = () => this.root.focus({ preventScroll: true });
    this.stages.addEventListener("pointerdown", focus);
    this.stages.addEventListener("pointerenter", () => document.activeElement === document.body && focus());
    this.open("map");
  }

  open(name) {
    TABS.forEach(([one], i) => {
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
    this.legend.refresh(bench.settings, bench.map);
    this.mark();
    this.refreshOpacity();
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

// A panel that is not there, or that fails, says so in its own place.
async function loadPanel(host, name) {
  const missing = (why) => () => element("p", { class: "muted" }, why);
  try {
    const { panel, style } = await import(`./${name}.js`); // style: the name of the panel's own css file, if it has one
    await addStyle(host, style);
    return (bench) => {
      try {
        return panel(bench);
      } catch (error) {
        console.error(error);
        return missing(`This panel could not be drawn (${error.message}).`)();
      }
    };
  } catch (error) {
    return missing(`The panel “${name}” is not there yet.`);
  }
}
