// What only the browser knows: what the content-security policy refused on this page, and whom the page asked.

import { element } from "./panel.js";

const watches = new WeakMap();

export async function render(component) {
  const host = component.parentElement;
  if (!watches.has(host)) watches.set(host, new Watch(host));
  watches.get(host).update(component);
}

export function unmount(host) {
  watches.get(host)?.leave();
  watches.delete(host);
}

class Watch {
  constructor(host) {
    this.refused = [];
    this.words = element("p", { role: "status", class: "selfcheck" });
    host.append(this.words);
    this.listener = (event) => this.refuse(`${event.effectiveDirective}: ${event.blockedURI}`);
    document.addEventListener("securitypolicyviolation", this.listener);
    if ("ReportingObserver" in window) {
      // those from before this script was there
      this.observer = new ReportingObserver((reports) => reports.forEach(({ body }) => this.refuse(`${body.effectiveDirective}: ${body.blockedURL}`)), { types: ["csp-violation"], buffered: true });
      this.observer.observe();
    }
  }

  refuse(words) {
    if (!this.refused.includes(words)) this.refused.push(words);
    this.tell();
  }

  update({ setTriggerValue }) {
    this.send = (event) => setTriggerValue("event", event);
    this.tell();
  }

  tell() {
    const asked = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => /^(https?|wss?):/.test(name));
    const foreign = [...new Set(asked.map((name) => new URL(name).host))].filter((host) => host !== window.location.host);
    const found = { refused: this.refused.slice(0, 20), foreign: foreign.slice(0, 20), asked: asked.length };
    this.words.textContent = `This browser: ${this.refused.length} violations of the policy, ${foreign.length} other hosts in ${asked.length} requests of this page.`;
    const text = JSON.stringify([found.refused, found.foreign]);
    if (text === this.told) return;
    this.told = text;
    this.send?.(found);
  }

  leave() {
    document.removeEventListener("securitypolicyviolation", this.listener);
    this.observer?.disconnect();
  }
}
