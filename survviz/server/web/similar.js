// Patches that look like the chosen one to the encoder: in this slide, or across the cohort.

import { reason } from "./maps.js";
import { element, segmented } from "./panel.js";
import { imageUrl, pixelsAt20, pointing, slideWith, visit } from "./patches.js";
import { integer } from "./scales.js";

const SHOWN = 12;
const SCOPES = [
  ["slide", "In this slide"],
  ["cohort", "Across the cohort", "All other slides of the cohort, or those that you have opened"],
];
const NO_FILE = "The slide file is not available, so the patch cannot be shown.";
const LARGE = 384;

export function similar(bench) {
  const strip = element("div", { class: "card-strip", role: "listbox", "aria-label": "Similar patches" });
  const large = element("div", { class: "card-large" });
  const note = element("p", { class: "muted", role: "status" });
  const buttons = segmented("Find similar", (scope) => find(scope));
  const files = element("input", { type: "checkbox", checked: true, onchange: () => find("cohort") });
  const only = element("label", { class: "check", hidden: true }, files, "Only slides whose file is there");
  const title = element("h5", {}, "Find similar");
  const node = element("section", { class: "card-section similar" }, title, buttons.node, only, strip, large, note);
  let patch = null;
  let call = 0;

  const show = (chosen, isNew) => {
    patch = chosen;
    node.hidden = !patch.slide.features;
    if (!isNew) return;
    call++;
    buttons.refresh(null, SCOPES);
    only.hidden = true;
    clear("");
  };

  const clear = (words) => {
    strip.replaceChildren();
    large.replaceChildren();
    note.textContent = words;
  };

  const find = async (scope) => {
    const mine = ++call;
    buttons.refresh(scope, SCOPES);
    only.hidden = scope !== "cohort";
    clear("Searching …");
    const asked = `scope=${scope}&n=${SHOWN}&files=${scope === "cohort" && files.checked ? 1 : 0}`;
    const url = bench.url(`similar/${patch.slide.features}/${patch.index}.json?${asked}`);
    const answer = await fetch(url).catch(() => null);
    const found = answer?.ok ? await answer.json() : null;
    const problem = found ? "" : answer ? await reason(answer) : "The server could not be reached.";
    if (mine !== call) return;
    if (!found) return clear(problem);
    strip.replaceChildren(...found.patches.map((one) => result(one)));
    note.textContent = words(found, scope);
    note.title = found.skipped.join("\n");
  };

  const result = (one) => {
    const here = slideWith(bench, one.slide_id);
    const mpp = here?.view.mpp ?? null;
    const url = imageUrl(bench, one.slide, one.x, one.y, one.side, 128);
    const picture = url
      ? element("img", { src: url, alt: "", loading: "lazy", decoding: "async" })
      : element("span", { class: "square" }, "no slide file");
    const box = { x: one.x, y: one.y, w: one.side, h: one.side };
    const point = (on) => one.slide_id === bench.slide?.view.slide_id && bench.highlight(on ? box : null);
    const name = `${one.slide_id}, x ${integer(one.x)}, y ${integer(one.y)}`;
    const press = () => (here ? visit(bench, one.slide_id, one.index) : enlarge(one, name, mpp));
    return element(
      "button",
      {
        type: "button", class: "card-found", role: "option", "data-slide": one.slide_id, "data-index": one.index,
        title: name, "aria-label": `Similarity ${one.similarity.toFixed(2)}: ${name}`, onclick: press, ...pointing(point),
      },
      picture, element("span", { class: "value" }, one.similarity.toFixed(2)),
    );
  };

  // A patch of a slide that is not part of this case: it cannot be gone to, but it can be seen.
  const enlarge = (one, name, mpp) => {
    const url = imageUrl(bench, one.slide, one.x, one.y, one.side, Math.max(pixelsAt20(one.side, mpp), LARGE));
    large.replaceChildren(
      url ? element("img", { src: url, alt: `Patch of ${one.slide_id}` }) : element("p", { class: "muted" }, NO_FILE),
      element("p", { class: "muted" }, `${name} px (level 0) · patch ${integer(one.index)}, ${one.similarity.toFixed(2)}`),
    );
  };
  return { node, show };
}

function words({ patches, slides, n, skipped, encoder, standard }, scope) {
  if (scope === "cohort" && !slides) return "There is no such slide with features of the same encoder.";
  const where = `${integer(n)} patches of ${scope === "slide" ? "this slide" : `${integer(slides)} other slides`}`;
  const left = skipped.length ? ` ${skipped.length} slides could not be searched.` : "";
  const what = patches.length ? "Cosine similarity" : "Nothing found";
  return `${what} among ${where}; features of ${encoder}, standardised with ${standard}. No two results touch.${left}`;
}
