// The viewer's controls, legend and read-outs: plain DOM, no state of their own.

import { COLORMAPS } from "./colormaps.js";
import { SCALES } from "./scales.js";

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export function labelled(text, control, title) {
  if (control.matches("select")) control.setAttribute("aria-label", text); // else its options become part of its name
  return element("label", { class: "field", title }, element("span", {}, text), control);
}

function select(options, value, change) {
  const node = element("select", { onchange: () => change(node.value) });
  for (const [id, text] of options) node.append(element("option", { value: id, selected: id === String(value) }, text));
  return node;
}

// `set(name, value)` is called on every change; returns the fields, and `refresh(settings)` to show changes by keyboard.
export function controls(settings, set) {
  const percent = (value) => `${Math.round(100 * value)} %`;
  const slider = (name, label, low, high, step) => {
    const node = element("input", {
      type: "range", min: low, max: high, step, value: settings[name], "aria-label": label,
      oninput: () => set(name, Number(node.value)),
    });
    return node;
  };
  const show = element("input", { type: "checkbox", checked: settings.visible, onchange: () => set("visible", show.checked) });
  const smooth = element("input", { type: "checkbox", checked: settings.smooth, onchange: () => set("smooth", smooth.checked) });
  const opacity = slider("opacity", "Opacity of the map", 0, 1, 0.01);
  const opacityText = element("output", {}, percent(settings.opacity));
  const threshold = slider("threshold", "Hide patches below", 0, 1, 0.01);
  const thresholdText = element("output", {});
  const scale = select(Object.entries(SCALES).map(([id, s]) => [id, s.label]), settings.scale, (v) => set("scale", v));
  const range = select([[4, "1/16× to 16×"], [2, "1/4× to 4×"], [1, "1/2× to 2×"]], settings.range, (v) => set("range", Number(v)));
  const colormap = select(Object.entries(COLORMAPS).map(([id, c]) => [id, c.label]), settings.colormap, (v) => set("colormap", v));
  const rangeField = labelled("Range", range, "Values beyond are drawn in the end colours");
  const fields = element(
    "div", { class: "controls", role: "group", "aria-label": "How the map is drawn" },
    element("label", { class: "check", title: "H switches the map; hold Space to look under it" }, show, "Show map"),
    labelled("Opacity", element("span", { class: "pair" }, opacity, opacityText), "[ and ] change it"),
    labelled("Hide below", element("span", { class: "pair" }, threshold, thresholdText), "Patches below become transparent"),
    element("span", { class: "break" }),
    labelled("Scale", scale),
    rangeField,
    labelled("Colours", colormap),
    element("label", { class: "check", title: "Blends neighbouring patches; off shows what the model saw" }, smooth, "Smooth"),
  );
  const refresh = (now, thresholdWords) => {
    show.checked = now.visible;
    smooth.checked = now.smooth;
    opacity.value = now.opacity;
    opacityText.value = percent(now.opacity);
    threshold.value = now.threshold;
    thresholdText.value = thresholdWords;
    scale.value = now.scale;
    colormap.value = now.colormap;
    range.value = now.range;
    rangeField.hidden = now.scale !== "fold";
  };
  return { fields, refresh };
}

// Colour bar with numbers; hatched where the threshold hides patches.
export function legend() {
  const name = element("div", { class: "legend-title" });
  const title = element("div", { class: "legend-unit" });
  const bar = element("canvas", { width: 256, height: 1, class: "legend-bar" });
  const hidden = element("div", { class: "legend-hidden" });
  const ticks = element("div", { class: "legend-ticks" });
  const node = element(
    "div", { class: "panel legend", role: "img" }, name, title, element("div", { class: "legend-frame" }, bar, hidden), ticks,
  );
  const refresh = (settings, map) => {
    node.hidden = !map;
    if (!map) return;
    const scale = SCALES[settings.scale];
    const { table } = COLORMAPS[settings.colormap];
    const context = bar.getContext("2d");
    const image = context.createImageData(256, 1);
    for (let i = 0; i < 256; i++) image.data.set([table[3 * i], table[3 * i + 1], table[3 * i + 2], 255], 4 * i);
    context.putImageData(image, 0, 0);
    name.textContent = map.view.label;
    title.textContent = scale.title;
    hidden.style.width = `${100 * settings.threshold}%`;
    const marks = scale.ticks(map, settings.range);
    ticks.replaceChildren(
      ...marks.map(({ at, text }) => element("span", { style: `left:${100 * at}%`, "data-end": at === 0 ? "low" : at === 1 ? "high" : null }, text)),
    );
    node.setAttribute("aria-label", `Colour bar of ${map.view.label}, ${scale.title}: ${marks.map((mark) => mark.text).join(", ")}`);
  };
  return { node, refresh };
}

const ICONS = {
  in: "M12 5v14M5 12h14",
  out: "M5 12h14",
  home: "M4 11l8-7 8 7M6 10v10h12V10",
  left: "M4 4v6h6M4 10a8 8 0 1 1 2 8",
  right: "M20 4v6h-6M20 10a8 8 0 1 0-2 8",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  map: "M4 5h16v14H4zM13 5v8h7",
};

export function button(icon, title, press) {
  const node = element("button", { type: "button", title, "aria-label": title, onclick: press });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[icon]);
  svg.append(path);
  node.append(svg);
  return node;
}
