// Files to the server: chosen or dropped, some at a time, each with progress. Never through the script's memory: a slide
// may have several GB. What a closed tab left behind is listed, and goes on when the same file is chosen again.

import { addStyle, element } from "./panel.js";
import { discard, identify, transfer } from "./transfer.js";

const AT_ONCE = 2; // a browser has six connections to a server, and tiles need some
const uploads = new WeakMap();

export async function render(component) {
  const host = component.parentElement;
  if (!uploads.has(host)) uploads.set(host, new Upload(host));
  uploads.get(host).update(component);
}

export function unmount(host) {
  uploads.get(host)?.leave();
  uploads.delete(host);
}

const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.max(bytes / 1e6, 0.1).toFixed(1)} MB`);
const room = (bytes) => (bytes >= 2 ** 30 ? `${Math.floor(bytes / 2 ** 30)} GiB` : `${Math.floor(bytes / 2 ** 20)} MiB`); // of a limit
const percent = (part, whole) => `${Math.floor((100 * part) / Math.max(whole, 1))} %`;

function timeLeft(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return ` · ${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 5400 ? ` · ${Math.round(seconds / 60)} min left` : ` · ${(seconds / 3600).toFixed(1)} h left`;
}

class Upload {
  constructor(host) {
    this.rows = new Map(); // id -> Row
    this.waiting = [];
    this.running = 0;
    this.input = element("input", { type: "file", multiple: true, onchange: () => this.take([...this.input.files]) });
    this.label = element("strong", {});
    this.hint = element("span", { class: "hint" });
    this.problem = element("span", { class: "problem", role: "alert", hidden: true });
    this.list = element("ul", { class: "files" });
    this.zone = element("label", { class: "zone" }, this.label, this.hint, this.input);
    this.root = element("div", { class: "upload" }, this.zone, this.problem, this.list);
    this.root.addEventListener("dragover", (event) => (event.preventDefault(), this.root.classList.add("over")));
    this.root.addEventListener("dragleave", () => this.root.classList.remove("over"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("over");
      this.take([...event.dataTransfer.files]);
    });
    this.root.style.visibility = "hidden";
    addStyle(host, "upload.css").then(() => (this.root.style.visibility = ""));
    host.append(this.root);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.send = (event) => setTriggerValue("event", event);
    this.label.textContent = data.label;
    const limit = `Up to ${room(data.limit)} each; an interrupted upload can go on.`;
    this.hint.textContent = [data.hint, limit].filter(Boolean).join(" · ");
    this.input.accept = data.accept.join(",");
    const left = new Set(data.unfinished.map((one) => one.id));
    for (const [id, row] of this.rows) if (row.left && !left.has(id)) this.drop(row);
    for (const one of data.unfinished) {
      const row = this.row(one.id, one.name);
      if (row.fresh || row.left) row.showLeft(one);
    }
  }

  row(id, name) {
    if (!this.rows.has(id)) {
      this.rows.set(id, new Row(id, name, (row) => this.giveUp(row)));
      this.list.append(this.rows.get(id).node);
    }
    return this.rows.get(id);
  }

  drop(row) {
    row.node.remove();
    this.rows.delete(row.id);
  }

  async take(files) {
    this.input.value = "";
    const refused = files.map((file) => this.refusal(file)).filter(Boolean);
    this.problem.textContent = refused.join(" ");
    this.problem.hidden = !refused.length;
    for (const file of files.filter((one) => !this.refusal(one))) {
      const row = this.row(await identify(file), file.name);
      if (row.busy) continue; // it is on its way already
      row.wait();
      this.waiting.push([row, file]);
    }
    this.next();
  }

  refusal(file) {
    const suffix = `.${file.name.split(".").pop().toLowerCase()}`;
    if (this.data.accept.length && !this.data.accept.includes(suffix)) {
      return `${file.name} cannot be used here; expected ${this.data.accept.join(" ")}.`;
    }
    if (file.size > this.data.limit) {
      return `${file.name} has ${size(file.size)}; at most ${room(this.data.limit)} can be taken. Ask for a folder on the server.`;
    }
    return "";
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length) {
      this.running += 1;
      this.run(...this.waiting.shift()).finally(() => ((this.running -= 1), this.next()));
    }
  }

  async run(row, file) {
    if (!row.busy) return; // given up while it waited
    const tell = (state) => row.tell(state, file.size);
    try {
      const name = await transfer(file, { root: this.data.root, id: row.id, signal: row.signal, tell });
      row.done(`${name}, ${size(file.size)}, is uploaded.`);
      this.rows.delete(row.id); // chosen again, it is another upload
      this.send({ name, size: file.size });
    } catch (error) {
      if (error.name !== "AbortError") row.fail(error.message);
    }
  }

  async giveUp(row) {
    row.stop();
    this.drop(row);
    await discard(this.data.root, row.id).catch(() => {}); // what stays is removed after some days
  }

  // The page is left: what has arrived stays on the server.
  leave() {
    for (const row of this.rows.values()) row.stop();
  }
}

// One file in the list. `left` = a part is here and nobody sends the rest; `busy` = waiting or being sent.
class Row {
  constructor(id, name, giveUp) {
    this.id = id;
    this.fresh = true;
    this.progress = element("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` });
    this.state = element("span", { class: "state", role: "status" });
    this.button = element("button", { type: "button", onclick: () => giveUp(this) }, "Cancel");
    this.node = element(
      "li", {}, element("strong", { title: name }, name), this.progress, element("span", { class: "row" }, this.state, this.button),
    );
  }

  get signal() {
    return this.aborting.signal;
  }

  get busy() {
    return Boolean(this.aborting);
  }

  set(kind, words) {
    this.fresh = false;
    this.left = kind === "left";
    this.node.dataset.state = kind;
    this.state.textContent = words;
  }

  showLeft(one) {
    this.progress.value = one.received / Math.max(one.size, 1);
    this.button.textContent = "Discard";
    this.set("left", `${percent(one.received, one.size)} of ${size(one.size)} is here. Choose the same file again to go on.`);
  }

  wait() {
    this.aborting = new AbortController();
    this.button.textContent = "Cancel";
    this.set("waiting", "Waiting for its turn.");
  }

  tell({ note, received, speed }, whole) {
    if (note) return this.set("running", note);
    this.progress.value = whole ? received / whole : 1;
    const rate = speed ? ` · ${size(speed)}/s${timeLeft((whole - received) / speed)}` : "";
    this.set("running", `${size(received)} of ${size(whole)}${rate}`);
  }

  done(words) {
    this.aborting = null;
    this.progress.remove();
    this.button.remove();
    this.set("done", words);
  }

  fail(words) {
    this.aborting = null;
    this.button.textContent = "Discard";
    this.set("failed", words);
  }

  stop() {
    this.aborting?.abort();
    this.aborting = null;
  }
}
