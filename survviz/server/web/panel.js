// What every panel builds its DOM from.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Load one of our css files into the component; resolves once it applies.
export function addStyle(host, name) {
  if (!name) return Promise.resolve();
  const style = element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href });
  const loaded = new Promise((resolve) => (style.onload = style.onerror = resolve));
  host.append(style);
  return loaded;
}

export function labelled(text, control, title) {
  if (control.matches("select")) control.setAttribute("aria-label", text); // else its options become part of its name
  return element("label", { class: "field", title }, element("span", {}, text), control);
}

export function select(label, options, value, change) {
  const node = element("select", { "aria-label": label, onchange: () => change(node.value) });
  for (const [id, text] of options) node.append(element("option", { value: id, selected: String(id) === String(value) }, text));
  return node;
}

// Give a select other options; [[id, text]].
export function fill(node, options, value) {
  const state = JSON.stringify(options);
  if (node.dataset.options !== state) {
    node.dataset.options = state;
    node.replaceChildren(...options.map(([id, text]) => element("option", { value: id }, text)));
  }
  node.value = String(value);
}

// Buttons of which one is pressed: options [[id, text, title, off]]; `press(id)` is called. Returns {node, refresh(id, options)}.
export function segmented(label, press) {
  const node = element("div", { class: "segmented", role: "radiogroup", "aria-label": label });
  const refresh = (chosen, options) => {
    const state = JSON.stringify([chosen, options]);
    if (node.dataset.state === state) return;
    node.dataset.state = state;
    node.replaceChildren(
      ...options.map(([id, text, title, off]) =>
        element("button", { type: "button", role: "radio", "aria-checked": String(id === chosen), title, class: off ? "off" : null, onclick: () => press(id) }, text),
      ),
    );
  };
  return { node, refresh };
}

const ICONS = {
  in: "M12 5v14M5 12h14",
  out: "M5 12h14",
  home: "M4 11l8-7 8 7M6 10v10h12V10",
  left: "M4 4v6h6M4 10a8 8 0 1 1 2 8",
  right: "M20 4v6h-6M20 10a8 8 0 1 0-2 8",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  map: "M4 5h16v14H4zM13 5v8h7",
};

export function button(icon, title, press) {
  const node = element("button", { type: "button", title, "aria-label": title, onclick: press });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[icon]);
  svg.append(path);
  node.append(svg);
  return node;
}
