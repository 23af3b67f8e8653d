// Sends a file to the server in parts of 16 MiB, which can be taken up again where they stopped. Never through the
// script's memory: a slide may have several GB.

import { reason } from "./maps.js";
import { element } from "./panel.js";

const PART = 16 * 1024 * 1024;
const TRIES = 5;
const uploads = new WeakMap();

export async function render(component) {
  const host = component.parentElement;
  if (!uploads.has(host)) {
    const style = element("link", { rel: "stylesheet", href: new URL("viewer.css", import.meta.url).href });
    host.append(style);
    uploads.set(host, new Upload(host));
  }
  uploads.get(host).update(component);
}

export function unmount(host) {
  uploads.get(host)?.cancel();
  uploads.delete(host);
}

const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.max(bytes / 1e6, 0.1).toFixed(1)} MB`);

class Upload {
  constructor(host) {
    this.input = element("input", { type: "file", id: "file", onchange: () => this.start(this.input.files[0]) });
    this.label = element("strong", {});
    this.hint = element("span", { class: "hint" });
    this.progress = element("progress", { max: 1, value: 0, hidden: true });
    this.state = element("span", { class: "state", role: "status" });
    this.stop = element("button", { type: "button", hidden: true, onclick: () => this.cancel() }, "Cancel");
    this.root = element(
      "label", { class: "upload", for: "file" },
      this.label, this.hint, this.input, this.progress, element("span", { class: "row" }, this.state, this.stop),
    );
    this.root.addEventListener("dragover", (event) => (event.preventDefault(), this.root.classList.add("over")));
    this.root.addEventListener("dragleave", () => this.root.classList.remove("over"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("over");
      this.start(event.dataTransfer.files[0]);
    });
    host.append(this.root);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.send = (event) => setTriggerValue("event", event);
    this.label.textContent = data.label;
    this.hint.textContent = data.hint;
    this.input.accept = data.accept.join(",");
  }

  async start(file) {
    if (!file || this.aborting) return;
    const suffix = `.${file.name.split(".").pop().toLowerCase()}`;
    if (this.data.accept.length && !this.data.accept.includes(suffix)) {
      return this.say(`${file.name} cannot be used here; expected ${this.data.accept.join(" ")}.`, true);
    }
    this.aborting = new AbortController();
    this.progress.hidden = this.stop.hidden = false;
    try {
      const name = await this.transfer(file, this.aborting.signal);
      this.say(`${name}, ${size(file.size)}, is uploaded.`);
      this.send({ name, size: file.size });
    } catch (error) {
      this.say(error.name === "AbortError" ? "The upload was cancelled." : error.message, error.name !== "AbortError");
    }
    this.aborting = null;
    this.input.value = "";
    this.progress.hidden = this.stop.hidden = true;
  }

  async transfer(file, signal) {
    const id = crypto.getRandomValues(new Uint32Array(4)).reduce((text, part) => text + part.toString(16).padStart(8, "0"), "");
    const query = (offset) => new URLSearchParams({ name: file.name, size: file.size, offset });
    const began = performance.now();
    for (let offset = 0, failures = 0; ; ) {
      let answer;
      try {
        const body = file.slice(offset, offset + PART);
        answer = await fetch(`${this.data.root}/upload/${id}?${query(offset)}`, { method: "PUT", body, signal });
      } catch (error) {
        if (error.name === "AbortError" || ++failures > TRIES) throw error;
        this.say(`The connection was lost; trying again (${failures} of ${TRIES}).`);
        await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** failures));
        continue;
      }
      if (!answer.ok && (answer.status !== 409 || ++failures > TRIES)) throw new Error(await reason(answer));
      if (answer.ok) failures = 0;
      const content = await answer.json();
      offset = content.received;
      this.progress.value = file.size ? offset / file.size : 1;
      const speed = offset / Math.max((performance.now() - began) / 1000, 0.001);
      this.say(`${size(offset)} of ${size(file.size)} · ${size(speed)}/s`);
      if (content.name) return content.name;
    }
  }

  cancel() {
    this.aborting?.abort();
  }

  say(text, problem = false) {
    this.state.textContent = text;
    this.state.classList.toggle("problem", problem);
  }
}
