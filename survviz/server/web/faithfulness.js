// Whether the map on show is better than chance on this case: a chip beside the title; opened, the reasons and the curves
// of deletion and insertion. It is tested when a person asks for it, as a job.

import { curves } from "./curves.js";
import { element } from "./panel.js";

const RUNNING = ["queued", "running"];
const UNTESTED = "Does taking away the patches that this map names first move the risk more than chance does? Sets at random and maps that know nothing of what the model has learnt are tried on this very case.";
const OF_MEAN = "The test is of the mean over heads and folds.";

export function chip(bench) {
  const summary = element("summary", {});
  const sheet = element("div", { class: "sheet", role: "group", "aria-label": "Faithfulness of the map" });
  const node = element("details", { class: "faithfulness" }, summary, sheet);
  const refresh = () => {
    const found = testOf(bench);
    node.hidden = !found;
    if (!found) return;
    const shown = JSON.stringify(found);
    if (shown === node.dataset.shown) return;
    node.dataset.shown = shown;
    node.dataset.verdict = found.result?.verdict ?? found.state;
    summary.textContent = label(found);
    sheet.replaceChildren(...parts(bench, found));
  };
  for (const name of ["data", "choice", "map"]) bench.addEventListener(name, (event) => event.detail?.colour || refresh());
  bench.addEventListener("job", ({ detail: { token, done, total } }) => {
    if (total && testOf(bench)?.token === token) summary.textContent = `testing … ${Math.round((100 * done) / total)} %`;
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !node.open) return;
    node.open = false;
    summary.focus();
    event.stopPropagation();
  });
  return node;
}

// Of the map on show: {map, state: "untested" | a job's | "done", token, error, result}; null where there is nothing to test.
function testOf(bench) {
  const { map, choice } = bench;
  if (!map || choice.kind === "disagreement") return null;
  return (bench.data.tests ?? []).find((one) => one.map === map.view.id) ?? { map: map.view.id, state: "untested" };
}

function label({ state, result }) {
  if (result) return result.words;
  if (RUNNING.includes(state)) return "testing …";
  return state === "untested" ? "not tested" : "the test failed";
}

function parts(bench, { state, token, error, result }) {
  const line = (text, style = "note") => element("p", { class: style }, text);
  if (result) return [...result.reasons.map((text, i) => line(text, i ? "note" : "")), curves(result), line(OF_MEAN)];
  const ask = (text) => element("button", { type: "button", class: "primary", onclick: (event) => {
    event.target.disabled = true;
    const { kind, query, key, token: asked } = bench.asked(bench.choice);
    bench.send({ kind: "test", map: kind, query, key, token: asked });
  } }, text);
  if (state === "untested") return [line(UNTESTED, ""), line(OF_MEAN), ask("Test this map")];
  if (!RUNNING.includes(state)) return [line(error || "The test ended without a result.", ""), ask("Test again")];
  const stop = element("button", { type: "button", onclick: () => {
    stop.disabled = true;
    bench.send({ kind: "cancel", token });
  } }, "Cancel");
  return [line("The map is being tested. You may leave this page and come back.", ""), stop];
}
