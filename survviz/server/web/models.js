// Which checkpoint the second map is of: the page's own, or another that reads the same patches. Python computes the maps
// of one other at a time, when it is asked.

import { element, fill } from "./panel.js";

const UNKNOWN = { state: "unavailable", reason: "this server has no such checkpoint." };

export function modelPicker(bench, choose) {
  const list = element("select", { "aria-label": "Checkpoint of the second map", onchange: () => choose(list.value) });
  const summary = element("summary", {});
  const reasons = element("ul", {});
  const others = element("details", { class: "unfit" }, summary, reasons);
  const node = element("span", { class: "models" }, list, others);
  others.addEventListener("focusout", (event) => others.contains(event.relatedTarget) || (others.open = false));
  const refresh = (chosen, shown) => {
    const { models, case: { checkpoint } } = bench.data;
    const [fit, unfit] = [true, false].map((can) => (models ?? []).filter(({ state }) => (state !== "unavailable") === can));
    node.hidden = !shown || !models?.length;
    const options = [["", `${checkpoint} (left)`], ...fit.map(({ name }) => [name, name])];
    if (chosen && !fit.some(({ name }) => name === chosen)) options.push([chosen, chosen]);
    fill(list, options, chosen);
    others.hidden = !unfit.length;
    summary.textContent = `${unfit.length} cannot`;
    summary.title = "Checkpoints that cannot read this case, and why";
    reasons.replaceChildren(...unfit.map(({ name, reason }) => element("li", {}, element("strong", {}, name), ` ${reason}`)));
  };
  return { node, refresh };
}

// Asks Python for the maps of a choice's checkpoint; returns what to say meanwhile, or why there are none. "" = it has
// them, or the choice is the page's own.
export function askFor(bench, { model }) {
  if (!model) return "";
  const { models, case: { id, checkpoint } } = bench.data;
  const { state, reason } = bench.model(model) ?? (models ? UNKNOWN : { state: "loading" });
  if (state === "ready") return "";
  if (state === "unavailable") return `No map of ${model}: ${reason}`;
  const asked = [id, checkpoint, model].join("|");
  if (state === "known" && bench.modelAsked !== asked) {
    bench.modelAsked = asked;
    bench.send({ kind: "model", name: model });
  }
  return `Reading the attention of ${model} …`;
}
