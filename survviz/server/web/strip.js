// The slides of the case: a thumbnail of each, with its share of the attention; only where there are several.

import { element } from "./panel.js";
import { percent } from "./scales.js";

export function panel(bench) {
  const node = element("div", { class: "strip", role: "listbox", "aria-label": "Slides of the case", hidden: true });
  const draw = () => {
    const { slides } = bench.data;
    node.hidden = slides.length < 2;
    if (!node.hidden) node.replaceChildren(...slides.map((slide) => item(bench, slide)));
    mark();
  };
  const mark = () => {
    for (const one of node.children) {
      one.setAttribute("aria-selected", String(one.dataset.slide === bench.slide?.view.slide_id));
      share(bench, one);
    }
  };
  bench.addEventListener("data", draw);
  for (const name of ["slide", "choice", "map"]) bench.addEventListener(name, mark);
  return node;
}

function item(bench, { view, maps }) {
  const picture = view.token
    ? element("img", { src: bench.url(`thumbnail/${view.token}.jpg?px=160`), alt: "", loading: "lazy" })
    : element("canvas", { class: "none", width: 144, height: 108, title: "The slide file is not available: its patches" });
  if (!view.token && maps.length) bench.store.layout(maps[0]).then((layout) => drawPatches(picture, view, layout), () => {});
  const bar = element("span", { class: "share-bar" }, element("i", {}));
  const text = element("span", { class: "share" });
  return element(
    "button", { type: "button", role: "option", "data-slide": view.slide_id, title: view.slide_id, onclick: () => bench.showSlide(view.slide_id) },
    picture, element("span", { class: "about" }, element("span", { class: "slide-name" }, view.slide_id), bar, text),
  );
}

// Where the patches of a slide without a file lie.
function drawPatches(canvas, { width, height }, { corners, patch }) {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const context = canvas.getContext("2d");
  context.translate((canvas.width - scale * width) / 2, (canvas.height - scale * height) / 2);
  context.scale(scale, scale);
  context.fillStyle = getComputedStyle(canvas).color;
  for (let i = 0; i < corners.length; i += 2) context.fillRect(corners[i], corners[i + 1], 0.94 * patch, 0.94 * patch);
}

// Of the map on show, where it is known; else of all tokens of the direction.
function share(bench, node) {
  const slide = bench.data.slides.find(({ view }) => view.slide_id === node.dataset.slide);
  const { query, key, kind } = bench.choice;
  const found = slide === bench.slide && bench.map ? bench.map.summary.share : slide?.shares[`attention:${query}:${key}`];
  const known = kind === "attention" && key === "pathology" && found !== undefined;
  node.querySelector(".share-bar").hidden = !known;
  node.querySelector("i").style.width = known ? `${100 * found}%` : "0";
  node.querySelector(".share").textContent = known ? `${percent(found)} of the attention` : "";
}
