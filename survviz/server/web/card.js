// The tab "Patch": everything about the chosen patch. What costs a request is asked for only while the tab is open.

import { descriptors } from "./descriptors.js";
import { element } from "./panel.js";
import { around, imageUrl, pixelsAt20, rankOf } from "./patches.js";
import { patchTokens } from "./patch_tokens.js";
import { patchValues } from "./patch_values.js";
import { integer, percent, valueText } from "./scales.js";
import { similar } from "./similar.js";

export const style = "card.css";

const NO_FILE = "The slide file is not available, so the tissue cannot be shown. The square has the colour of the map.";
const CONTEXT = 4; // how much wider the second picture is
const SHARP = 256; // picture pixels of the context

const muted = (text) => element("p", { class: "muted" }, text);

export function panel(bench) {
  const empty = muted("Click a patch on the slide or in the gallery to see it, its values, and others that look like it.");
  const parts = [patchValues(bench), patchTokens(bench), descriptors(bench), similar(bench)];
  const pictures = element("div", { class: "card-pictures" });
  const facts = element("div", { class: "card-facts" });
  const body = element("div", { class: "card-body" }, pictures, facts, ...parts.map(({ node }) => node));
  const node = element("div", { class: "card" }, empty, body);
  let stale = true;
  let shown = "";

  const refresh = () => {
    const patch = chosen(bench);
    const kept = !patch && shown && bench.selected >= 0 && !bench.map; // the map that is asked for is not there yet
    empty.hidden = Boolean(patch || kept);
    body.hidden = !patch && !kept;
    if (kept) return facts.firstChild.replaceChildren("This map is not computed yet.");
    if (!patch) return (shown = "");
    const key = `${patch.slide.view.slide_id}|${patch.map.view.layout}|${patch.index}`;
    if (key !== shown) pictures.replaceChildren(...drawn(bench, patch));
    facts.replaceChildren(...told(patch));
    for (const part of parts) part.show(patch, key !== shown);
    shown = key;
  };
  const later = () => {
    stale = true;
    if (node.offsetParent) update();
  };
  const update = () => {
    if (!stale) return;
    stale = false;
    refresh();
  };
  new IntersectionObserver(([entry]) => entry.isIntersecting && update()).observe(node);
  bench.addEventListener("select", later);
  bench.addEventListener("map", (event) => event.detail.colour || later());
  return node;
}

// {slide, map, index, box} of the selected patch, or null.
function chosen(bench) {
  const { slide, map, selected: index } = bench;
  if (!slide || !map || index < 0 || index >= map.layout.n) return null;
  return { slide, map, index, box: bench.boxOf(index) };
}

function drawn(bench, { slide, box, map, index }) {
  const { token, mpp } = slide.view;
  if (!token) {
    return [
      element("div", { class: "square", style: `background:${bench.colourOf(index)}` }),
      muted(NO_FILE),
    ];
  }
  const wide = around(box, CONTEXT);
  const inner = 100 / wide.factor;
  const um = (side) => (mpp ? `${integer(Math.round(side * mpp))} µm` : `${integer(side)} px`);
  const frame = element("i", { class: "card-frame", style: `inset:${(100 - inner) / 2}%` });
  const picture = (url, alt) => element("img", { src: url, alt, decoding: "async" });
  const power = (side, px) => Number(((10 * px) / (side * mpp)).toPrecision(2)); // 10x is 1 µm per pixel
  const scale = (side, px) => (mpp ? ` · ${power(side, px)}×` : "");
  const px = pixelsAt20(box.w, mpp);
  const surroundings = imageUrl(bench, token, wide.x, wide.y, wide.side, SHARP);
  return [
    element("figure", {}, picture(imageUrl(bench, token, box.x, box.y, box.w, px), "The patch"),
      element("figcaption", {}, um(box.w) + scale(box.w, px))),
    element("figure", {},
      element("span", { class: "card-context" }, picture(surroundings, "The patch with its surroundings"), frame),
      element("figcaption", {}, um(wide.side) + scale(wide.side, SHARP))),
  ];
}

function told({ slide, map, index, box }) {
  const { summary, view, values } = map;
  const value = valueText(map, values[index]);
  const share = map.nature === "share";
  const held = share && view.key === "pathology" ? ` · ${percent(values[index] * view.uniform)} of the attention` : "";
  const rank = ` · rank ${integer(rankOf(map, index))} of ${integer(summary.n)}`;
  const place = `x ${integer(box.x)}, y ${integer(box.y)} px (level 0)`;
  return [
    element("p", { class: "card-value" }, element("strong", {}, value + (share ? " uniform" : "")), pushes(map, values[index]) + rank + held),
    muted(`${slide.view.slide_id} · ${place} · patch ${integer(index)}`),
  ];
}

function pushes({ nature, unit }, value) {
  if (nature !== "signed" || unit !== "risk" || !value) return "";
  return ` pushes the estimate ${value > 0 ? "up" : "down"}`;
}
