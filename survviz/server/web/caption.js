// The lines under the stages: the weightiest thing to know about the case, and what each map on show means, word for word.
// What comes first always stands there; a click shows the rest.

import { element } from "./panel.js";
import { LEVELS, noticesOf } from "./toolbar.js";

const NONE = "No map is on show."; // in its place, so that the stage keeps its height
const ENOUGH = 90; // characters that sentences are shown up to

export function panel(bench) {
  const known = element("div", { class: "known" });
  const meaning = element("div", { class: "semantics" });
  const other = element("div", { class: "beside", hidden: true });
  const warn = () => {
    const weighty = noticesOf(bench).filter(({ level }) => level !== "info");
    const [first, ...more] = weighty.map(({ level, text }) => `${LEVELS[level]} ${text}`);
    show(known, first, more, `+${more.length} more`);
  };
  const mean = () => {
    const { map, beside, second } = bench;
    const two = map && beside && second?.shows === "map";
    const whose = beside?.view.model ? `${bench.data.case.checkpoint}, left: ` : two ? "Left: " : "";
    explain(meaning, whose, map?.view.semantics ?? NONE);
    explain(other, beside?.view.model ? "" : "Right: ", two ? beside.view.semantics : ""); // a checkpoint's words name it
  };
  for (const name of ["data", "slide"]) bench.addEventListener(name, warn);
  bench.addEventListener("map", (event) => event.detail.colour || mean());
  bench.addEventListener("beside", mean);
  return element("div", { class: "map-caption" }, known, meaning, other);
}

function explain(node, whose, semantics) {
  const sentences = semantics ? (whose + semantics).split(/(?<=\.)\s+(?=[A-Z])/) : [];
  let first = sentences.shift();
  while (sentences.length && first.length < ENOUGH) first += ` ${sentences.shift()}`;
  show(node, first, sentences.length ? [sentences.join(" ")] : [], "more");
}

function show(node, first, rest, more) {
  const state = JSON.stringify([first, rest]);
  if (node.dataset.shown === state) return;
  node.dataset.shown = state;
  const open = node.querySelector("details")?.open;
  node.hidden = !first;
  const lines = rest.map((text) => element("p", {}, text));
  if (!rest.length) node.replaceChildren(element("p", {}, first ?? ""));
  else node.replaceChildren(element("details", { open }, element("summary", {}, first, " ", element("span", { class: "more" }, more)), ...lines));
}
