// A map that is not there: where it would be stands why, a button that computes it, and how far that is. The server is
// asked once a second; Python hears of the end only.

import { element } from "./panel.js";

const PAUSE_MS = 1000;
const ENDED = ["done", "failed", "cancelled"];

export function computing(bench) {
  const node = element("div", { class: "panel computing", "aria-live": "polite", hidden: true });
  const refresh = () => {
    const state = bench.slide ? bench.stateOf() : { state: "ready" };
    const shown = JSON.stringify([state, bench.choice.kind]);
    if (shown === node.dataset.shown) return;
    node.dataset.shown = shown;
    node.hidden = state.state === "ready";
    node.dataset.state = state.state;
    node.replaceChildren(...parts(bench, state));
  };
  for (const name of ["data", "choice"]) bench.addEventListener(name, refresh);
  follow(bench, node);
  return node;
}

function parts(bench, { state, reason, job }) {
  const { label = "" } = bench.kind() ?? {};
  const name = label.toLowerCase();
  const compute = (text) => element("button", { type: "button", class: "primary", onclick: (event) => {
    event.target.disabled = true;
    bench.compute();
  } }, text);
  const line = (text, style = "note") => element("p", { class: style }, text);
  const title = (text) => line(text, "title");
  if (state === "loading") return [line("Loading the models and reading their attention…")];
  if (state === "unavailable") return [title(`No map of ${name}`), line(reason), ...instead(bench)];
  if (state === "computable") {
    const [first] = bench.data.kinds;
    const said = [title(`The map of ${name} is not computed yet`)];
    if (first.state === "unavailable") said.splice(0, 1, title(`This case has no map of ${first.label.toLowerCase()}`), line(first.reason));
    return [...said, compute(`Compute ${name}`)];
  }
  if (state === "failed") return [title(`The map of ${name} could not be computed`), line(reason), compute("Compute again")];
  if (state !== "computing") return [];
  const stop = element("button", { type: "button", onclick: () => {
    stop.disabled = true;
    bench.send({ kind: "cancel", token: job.token });
  } }, "Cancel");
  return [line(`Computing ${name}. You may leave this page and come back.`), element("progress", { "aria-label": "Progress" }), line("", "note progress-words"), stop];
}

// What can be had where this kind cannot: the first kind that can.
function instead(bench) {
  const kind = bench.data.kinds.find(({ state }) => state === "ready");
  const show = () => bench.choose({ kind: kind.id });
  return kind ? [element("button", { type: "button", onclick: show }, `Go to ${kind.label.toLowerCase()}`)] : [];
}

// Asks after every running job, and tells Python when one has ended, so that it hands over the map.
function follow(bench, node) {
  const followed = new Set();
  const ask = async (token) => {
    const answer = await fetch(bench.url(`job/${token}.json`)).catch(() => null);
    const now = answer?.ok ? await answer.json() : null;
    if (!node.isConnected) return followed.delete(token);
    if (now) show(token, now);
    if (now ? ENDED.includes(now.state) : answer?.status === 404) return bench.send({ kind: "refresh" });
    setTimeout(() => ask(token), PAUSE_MS);
  };
  const show = (token, { done, total, message }) => {
    bench.emit("job", { token, done, total, message });
    if (bench.stateOf().job?.token !== token) return;
    const bar = node.querySelector("progress");
    const words = node.querySelector(".progress-words");
    if (!bar) return;
    if (total) Object.assign(bar, { max: total, value: done });
    words.textContent = total ? `${message} · ${Math.round((100 * done) / total)} %` : message;
  };
  bench.addEventListener("data", () => {
    const jobs = [...bench.data.kinds.flatMap((kind) => kind.jobs ?? []), ...(bench.data.tests ?? [])];
    for (const { token, state } of jobs) {
      if (ENDED.includes(state) || followed.has(token)) continue;
      followed.add(token);
      ask(token);
    }
  });
}
