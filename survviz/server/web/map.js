// The tab "Map": which map is on show, how concentrated it is, and how it is drawn.

import { meanAgreementWords } from "./agreement.js";
import { COLORMAPS, SIGNED } from "./colormaps.js";
import { element, fill, labelled, segmented, select } from "./panel.js";
import { integer, percent, SCALES } from "./scales.js";
import { tokenList } from "./tokens.js";

const SPREAD = "Effective patches: as many equally weighted patches would be as concentrated (exponential of the entropy)";
const FLAT = "This map is almost flat; colours show tiny differences.";

export function panel(bench) {
  return element("div", { class: "map-panel" }, whichMap(bench), readOuts(bench), howDrawn(bench));
}

function whichMap(bench) {
  const kinds = segmented("Kind of map", (kind) => bench.choose({ kind }));
  const directions = segmented("Direction", (id) => {
    const [query, key] = id.split(":");
    bench.choose({ query, key });
  });
  directions.node.classList.add("chips");
  const tokens = tokenList(bench);
  const heads = element("select", { "aria-label": "Head", onchange: () => bench.choose({ head: numeric(heads.value) }) });
  const folds = element("select", { "aria-label": "Fold", onchange: () => bench.choose({ fold: numeric(folds.value) }) });
  const headField = labelled("Head", heads);
  const foldField = labelled("Fold", folds);
  const words = element("p", { class: "note" });
  const refresh = () => {
    const { data, choice } = bench;
    const direction = bench.direction();
    const kind = bench.kind();
    const { heads: nHeads = 1, folds: nFolds = 1 } = bench.viewOf(choice)?.detail ?? {};
    const offered = data.kinds.map(({ id, label, words: text, state, reason }, i) =>
      state === "unavailable" ? [id, label, reason, true] : [id, label, `${text} (key ${i + 1})`, false]);
    kinds.refresh(choice.kind, offered);
    directions.refresh(`${choice.query}:${choice.key}`, data.directions.map((one) => [`${one.query}:${one.key}`, one.label, one.words]));
    fill(heads, [["mean", "Mean of heads"], ["max", "Maximum"], ...numbered("Head", nHeads)], choice.head);
    fill(folds, [["mean", "Mean of folds"], ["sd", "SD (fold agreement)"], ...numbered("Fold", nFolds)], choice.fold);
    const asked = kind?.asked !== false;
    directions.node.hidden = tokens.hidden = !asked;
    words.textContent = asked ? ((choice.token === "all" ? direction?.mean : direction?.words) ?? "") : `${kind.words}. It has one map: no token asks for it.`;
    words.hidden = !words.textContent;
    headField.hidden = nHeads < 2;
    foldField.hidden = nFolds < 2;
  };
  for (const name of ["data", "choice", "map"]) bench.addEventListener(name, (event) => event.detail.colour || refresh());
  return element("div", { class: "which" }, kinds.node, directions.node, words, tokens, element("div", { class: "row" }, headField, foldField));
}

const numeric = (value) => (/^\d+$/.test(value) ? Number(value) : value);
const numbered = (word, n = 1) => Array.from({ length: n }, (_, i) => [i, `${word} ${i + 1}`]);

// How concentrated the map is, over all slides of the case; and what went wrong.
function readOuts(bench) {
  const node = element("div", { class: "meaning", "aria-live": "polite" });
  const refresh = () => {
    const { map, problem } = bench;
    const lines = [];
    const again = () => element("button", { type: "button", onclick: () => bench.choose({}) }, "Try again");
    if (problem) lines.push(element("p", { class: "note warning" }, problem, again()));
    if (map) {
      const { effective, n, topShare, flat } = map.summary;
      if (flat && map.nature === "share") lines.push(element("p", { class: "note warning" }, FLAT));
      const what = map.nature === "share" ? "of the attention" : map.nature === "signed" ? "of all change, up or down" : "of the spread";
      const text = `Effective patches ${integer(Math.round(effective))} of ${integer(n)} · the top 1 % hold ${percent(topShare)} ${what}`;
      lines.push(element("p", { class: "note", title: SPREAD }, text));
      if (map.folds) lines.push(element("p", { class: "note folds" }, meanAgreementWords(map.folds)));
    }
    node.replaceChildren(...lines);
    node.hidden = !lines.length;
  };
  bench.addEventListener("map", (event) => event.detail.colour || refresh());
  return node;
}

function howDrawn(bench) {
  const slider = (name, label) => {
    const node = element("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": label, oninput: () => bench.set(name, Number(node.value)) });
    return node;
  };
  const check = (name) => {
    const node = element("input", { type: "checkbox", onchange: () => bench.set(name, node.checked) });
    return node;
  };
  const visible = check("visible");
  const smooth = check("smooth");
  const opacity = slider("opacity", "Opacity of the map");
  const threshold = slider("threshold", "Hide patches below");
  const opacityText = element("output", {});
  const thresholdText = element("output", {});
  const scale = select("Scale", [], "", (value) => bench.set("scale", value));
  const range = select("Range", [[4, "1/16× to 16×"], [2, "1/4× to 4×"], [1, "1/2× to 2×"]], 4, (value) => bench.set("range", Number(value)));
  const colormap = select("Colours", [], "", (value) => bench.set("colormap", value));
  const rangeField = labelled("Range", range, "Values beyond are drawn in the end colours");
  const note = element("p", { class: "note" });
  const refresh = () => {
    const { settings, map } = bench;
    node.hidden = !map;
    if (!map) return;
    const { nature } = map;
    const signed = nature === "signed";
    visible.checked = settings.visible;
    smooth.checked = settings.smooth;
    opacity.value = settings.opacity;
    opacityText.value = percent(settings.opacity);
    threshold.value = settings.threshold;
    thresholdText.value = settings.threshold > 0 ? bench.scale.at(settings.threshold, map, settings.range) : "off";
    fill(scale, Object.entries(SCALES[nature]).map(([id, one]) => [id, one.label]), settings[nature]);
    fill(colormap, Object.entries(signed ? { puor: SIGNED } : COLORMAPS).map(([id, one]) => [id, one.label]), signed ? "puor" : settings.colormap);
    range.value = settings.range;
    rangeField.hidden = bench.scale !== SCALES.share.fold;
    note.textContent = bench.scale.note(map);
    note.hidden = !note.textContent;
  };
  for (const name of ["settings", "map"]) bench.addEventListener(name, refresh);
  const node = element(
    "div", { class: "drawn", hidden: true, role: "group", "aria-label": "How the map is drawn" },
    labelled("Opacity", element("span", { class: "pair" }, opacity, opacityText), "[ and ] change it"),
    labelled("Hide below", element("span", { class: "pair" }, threshold, thresholdText), "Patches below become transparent"),
    labelled("Scale", scale), rangeField, note, labelled("Colours", colormap),
    element(
      "div", { class: "row" },
      element("label", { class: "check", title: "H switches the map; hold Space to look under it" }, visible, "Show map"),
      element("label", { class: "check", title: "Blends neighbouring patches; off shows what the model saw" }, smooth, "Smooth"),
    ),
  );
  return node;
}
