// What can be taken away, at the foot of the rail: a menu of files made from the map on show, and the case report, into
// which maps, patches and tables are collected. Files are made by the server from tokens; nothing is computed here.

import { element } from "./panel.js";
import { filesOf } from "./export_files.js";
import { mapItem, patchItem, Collected, reportUrl } from "./report_items.js";
import { reason } from "./maps.js";
import { save } from "./saving.js";

export const style = "exports.css";

export function panel(bench) {
  return new Exports(bench).node;
}

class Exports {
  constructor(bench) {
    this.bench = bench;
    this.collected = new Collected(bench);
    this.files = menu("Export", "Files made from the map on show");
    this.report = menu("Report", "What goes into the report of this case");
    this.status = element("p", { class: "export-status", role: "status", hidden: true });
    this.add = element("button", { type: "button", title: "Put this map, as it is drawn, into the report", onclick: () => this.addMap() }, "Add map to report");
    this.node = element("div", { class: "export-panel" }, this.files.node, this.report.node, this.add, this.status);
    const refresh = () => this.refresh();
    for (const name of ["data", "slide", "map", "settings", "second", "select"]) bench.addEventListener(name, refresh);
    bench.addEventListener("report", (event) => this.take(event.detail)); // other panels: a table of regions
    this.files.node.addEventListener("toggle", refresh);
    this.report.node.addEventListener("toggle", refresh);
    this.refresh();
  }

  refresh() {
    const { bench, collected } = this;
    collected.open();
    this.add.disabled = !bench.map;
    this.report.label(collected.items.length ? `Report (${collected.items.length})` : "Report");
    if (this.files.node.open) this.files.body.replaceChildren(...this.fileList());
    if (this.report.node.open) this.report.body.replaceChildren(...this.reportList());
  }

  fileList() {
    const { groups, command } = filesOf(this.bench);
    const parts = groups.flatMap(({ title, files }) => [element("h5", {}, title), ...files.map((file) => this.fileRow(file))]);
    if (command) parts.push(element("h5", {}, "On the command line"), this.commandRow(command));
    parts.push(element("p", { class: "muted" }, "Level-0 pixel coordinates. For Research Use Only."));
    return parts;
  }

  fileRow({ name, words, size, url, why }) {
    const about = why || [words, size && `about ${size}`].filter(Boolean).join(" · ");
    const press = (event) => {
      event.preventDefault();
      this.fetch(url, name);
    };
    const link = why
      ? element("span", { class: "file", "aria-disabled": "true" }, name)
      : element("a", { class: "file", href: url, download: "", onclick: press }, name);
    return element("div", { class: why ? "file-row off" : "file-row" }, link, element("span", { class: "about" }, about));
  }

  commandRow(command) {
    const copy = element("button", { type: "button", onclick: () => this.copy(command) }, "Copy");
    return element("div", { class: "command" }, element("code", {}, command), copy);
  }

  // ---- the report

  reportList() {
    const { bench, collected } = this;
    const token = bench.data.case?.report;
    const rows = collected.items.map((item, index) => {
      const note = element("input", {
        type: "text", value: item.note ?? "", placeholder: "A remark (optional)", maxlength: 500, "aria-label": `Remark on ${item.title}`,
        onchange: () => collected.change(index, { note: note.value }),
      });
      const remove = element("button", { type: "button", title: "Remove from the report", "aria-label": `Remove ${item.title}`, onclick: () => this.drop(index) }, "×");
      return element("li", {}, element("span", { class: "item" }, item.title), remove, note);
    });
    const patch = element(
      "button",
      { type: "button", disabled: !(bench.map && bench.slide?.view.token), title: "The selected patch, or the 12 highest", onclick: () => this.take(patchItem(bench)) },
      bench.selected >= 0 ? "Add the selected patch" : "Add the 12 highest patches",
    );
    const map = element("button", { type: "button", disabled: !bench.map, onclick: () => this.addMap() }, "Add this map");
    const empty = element("p", { class: "muted" }, "Nothing collected yet: the report then holds the estimate, notices and what the numbers mean.");
    const links = ["html", "pdf"].map((form) => this.reportLink(form, token));
    const unready = token ? [] : [element("p", { class: "muted" }, "The report of this case is not ready yet.")];
    return [rows.length ? element("ol", { class: "items" }, ...rows) : empty, element("div", { class: "row" }, map, patch), ...unready, element("div", { class: "row" }, ...links)];
  }

  reportLink(form, token) {
    const url = token && reportUrl(this.bench, token, form, this.collected.items);
    const press = (event) => {
      event.preventDefault();
      this.fetch(url, `report.${form}`);
    };
    if (!url) return element("span", { class: "file", "aria-disabled": "true" }, `Report as ${form.toUpperCase()}`);
    return element("a", { class: "file", href: url, download: "", onclick: press }, `Report as ${form.toUpperCase()}`);
  }

  addMap() {
    if (this.bench.map) this.take(mapItem(this.bench));
  }

  take(item) {
    const why = this.collected.add(item);
    this.tell(why || `“${item.title}” is in the report.`, why ? "warning" : "");
    this.refresh();
  }

  drop(index) {
    this.collected.remove(index);
    this.refresh();
  }

  // ---- making files

  // Fetched here, not by the link itself, so that a refusal is told in words instead of being saved as a file.
  async fetch(url, name) {
    this.tell(`Making ${name} …`);
    const answer = await fetch(url).catch(() => null);
    if (!answer) return this.tell("The server could not be reached.", "warning");
    if (!answer.ok) return this.tell(await reason(answer), "warning");
    const given = answer.headers.get("content-disposition")?.match(/filename="([^"]+)"/)?.[1];
    save(given ?? name, await answer.blob(), answer.headers.get("content-type"));
    this.tell(`Saved ${given ?? name}.`);
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.tell("Copied.");
    } catch {
      window.prompt("Copy this line", text); // browsers allow the clipboard on https and localhost only
    }
  }

  tell(words, level = "") {
    this.status.textContent = words;
    this.status.className = `export-status ${level}`;
    this.status.hidden = false;
    clearTimeout(this.fading);
    if (!level) this.fading = setTimeout(() => (this.status.hidden = true), 6000);
  }
}

// A button with a list that opens above it and closes when one goes elsewhere.
function menu(title, words) {
  const summary = element("summary", { title: words }, title);
  const body = element("div", { class: "menu-body", role: "group", "aria-label": words });
  const node = element("details", { class: "menu" }, summary, body);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !node.open) return;
    event.stopPropagation();
    node.open = false;
    summary.focus();
  });
  node.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !node.contains(event.relatedTarget)) node.open = false;
  });
  return { node, body, label: (text) => (summary.textContent = text) };
}
