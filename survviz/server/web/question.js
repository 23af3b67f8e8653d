// One question of a reader study: what it asks, the keys that answer it, and its value so far.

import { element } from "./panel.js";

const HOW = {
  rating: "Keys 1 to N or arrows choose, Enter goes on",
  confidence: "Keys 1 to N or arrows choose, Enter goes on",
  choice: "Keys 1 to N or arrows choose, Enter goes on",
  region: "Click the slide, or move with the arrows; Enter goes on",
  text: "Enter goes on, Shift Enter starts a new line",
};

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

// `changed()` after every change of the value, `confirmed()` when it is given.
export class Question {
  constructor(question, { changed, confirmed }) {
    this.question = question;
    this.changed = changed;
    this.confirmed = confirmed;
    this.value = question.kind === "text" ? "" : null;
    this.next = element("button", { type: "button", class: "next", onclick: confirmed }, "Next");
    this.node = element("div", { class: "question" }, element("h3", { id: "question-text" }, question.text), this.field(), this.how(), this.next);
    this.refresh();
  }

  get isScale() {
    return ["rating", "confidence"].includes(this.question.kind);
  }

  get isComplete() {
    return this.question.kind === "text" ? this.question.optional || this.value.trim() !== "" : this.value !== null;
  }

  how() {
    return element("p", { class: "how" }, HOW[this.question.kind].replace("N", this.question.options.length));
  }

  field() {
    const { kind, options, low, high } = this.question;
    if (kind === "text") {
      this.text = element("textarea", { rows: 4, "aria-labelledby": "question-text", oninput: () => this.choose(this.text.value) });
      return this.text;
    }
    if (kind === "region") return (this.place = element("p", { class: "place", "aria-live": "polite" }));
    this.buttons = options.map((text, i) =>
      element(
        "button", { type: "button", role: "radio", onclick: () => this.choose(i + 1) },
        ...(this.isScale ? [text] : [element("kbd", {}, String(i + 1)), text]), // a scale's points are their own keys
      ),
    );
    const group = element("div", { class: this.isScale ? "scale-points" : "choices", role: "radiogroup", "aria-labelledby": "question-text" }, ...this.buttons);
    return this.isScale ? element("div", {}, group, element("div", { class: "ends" }, element("span", {}, low), element("span", {}, high))) : group;
  }

  choose(value) {
    this.value = value;
    this.refresh();
    this.changed();
  }

  refresh() {
    this.buttons?.forEach((button, i) => button.setAttribute("aria-checked", String(i + 1 === this.value)));
    if (this.place) this.place.textContent = this.value === null ? "No place is chosen yet." : "The place is marked on the slide.";
    this.next.disabled = !this.isComplete;
  }

  // Whether it took the key.
  key(event) {
    if (event.key === "Enter" && !event.shiftKey) {
      if (this.isComplete) this.confirmed();
      return true;
    }
    if (this.text) return false;
    const n = this.question.options.length;
    const step = STEPS[event.key];
    if (!this.buttons) return false;
    if (/^[1-9]$/.test(event.key) && Number(event.key) <= n) this.choose(Number(event.key));
    else if (step) this.choose(this.value === null ? (step > 0 ? 1 : n) : Math.min(n, Math.max(1, this.value + step)));
    else return false;
    return true;
  }

  focus() {
    this.text?.focus();
  }

  lock(on) {
    for (const control of this.node.querySelectorAll("button, textarea")) control.disabled = on;
    if (!on) this.refresh();
  }
}
