// Colour bar with numbers, inside a stage; hatched where the threshold hides patches.

import { scaleOf, tableOf } from "./drawing.js";
import { element } from "./panel.js";

export function legend() {
  const name = element("div", { class: "legend-title" });
  const title = element("div", { class: "legend-unit" });
  const bar = element("canvas", { width: 256, height: 1, class: "legend-bar" });
  const hidden = element("div", { class: "legend-hidden" });
  const ticks = element("div", { class: "legend-ticks" });
  const node = element(
    "div", { class: "panel legend", role: "img" }, name, title, element("div", { class: "legend-frame" }, bar, hidden), ticks,
  );
  const refresh = (settings, map, words = map?.view.label) => {
    node.hidden = !map;
    if (!map) return;
    const scale = scaleOf(map, settings);
    const table = tableOf(map, settings);
    const context = bar.getContext("2d");
    const image = context.createImageData(256, 1);
    for (let i = 0; i < 256; i++) image.data.set([table[3 * i], table[3 * i + 1], table[3 * i + 2], 255], 4 * i);
    context.putImageData(image, 0, 0);
    name.textContent = name.title = words;
    title.textContent = scale.title(map);
    const { threshold } = settings;
    const [from, to] = map.nature === "signed" ? [0.5 - threshold / 2, 0.5 + threshold / 2] : [0, threshold];
    Object.assign(hidden.style, { left: `${100 * from}%`, width: `${100 * (to - from)}%` });
    const marks = scale.ticks(map, settings.range);
    ticks.replaceChildren(
      ...marks.map(({ at, text }) => element("span", { style: `left:${100 * at}%`, "data-end": at === 0 ? "low" : at === 1 ? "high" : null }, text)),
    );
    node.setAttribute("aria-label", `Colour bar of ${words}, ${scale.title(map)}: ${marks.map((mark) => mark.text).join(", ")}`);
  };
  return { node, refresh };
}
