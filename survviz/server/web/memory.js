// What viewers remember for as long as the tab is open: settings by viewer, view by viewer and slide, the last goto.

const kept = (window.survvizViews ??= new Map());

export const recall = (...names) => kept.get(names.join("|"));
export const remember = (value, ...names) => kept.set(names.join("|"), value);
