// Entry of the component. `render` is called on mount and on every change of data, always with the same parentElement,
// and `unmount` when that has left the page (pages/components/assets.py sees to the order).

import { loadOpenSeadragon } from "./deepzoom.js";
import { addStyle } from "./panel.js";
import { STYLES, Workbench } from "./workbench.js";

const mounted = new WeakMap();

export async function render(component) {
  const host = component.parentElement;
  if (!mounted.has(host)) mounted.set(host, mount(host, component.data));
  const workbench = await mounted.get(host);
  workbench.update(component.data, (event) => component.setTriggerValue("event", event));
}

async function mount(host, data) {
  const [OpenSeadragon] = await Promise.all([loadOpenSeadragon(), ...STYLES.map((name) => addStyle(host, name))]);
  return new Workbench(OpenSeadragon, host, data);
}

export async function unmount(host) {
  const made = mounted.get(host);
  mounted.delete(host);
  (await made)?.destroy();
}
