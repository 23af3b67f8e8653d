// From a map and the settings to a layer that the stage can paint: one colour per patch.

import { COLORMAPS, SIGNED } from "./colormaps.js";
import { colourise, gridImage } from "./overlay.js";
import { SCALES } from "./scales.js";

const ZERO = 0.5; // where 0 lies on a signed scale

// The scale in use for a map: that of its nature (share, signed, spread).
export function scaleOf(map, settings) {
  const nature = map?.nature ?? "share";
  return SCALES[nature][settings[nature]] ?? Object.values(SCALES[nature])[0];
}

export const tableOf = (map, settings) => (map?.nature === "signed" ? SIGNED : COLORMAPS[settings.colormap] ?? COLORMAPS.viridis).table;

// {layout, colours, solid, image, signed}: RGBA per patch, with and without the threshold; `image` on regular grids.
export function colourLayer(map, settings) {
  const place = scaleOf(map, settings).place(map, settings.range);
  const places = Float32Array.from(map.values, (value, i) => (Number.isNaN(value) ? NaN : place(value, i)));
  const table = tableOf(map, settings);
  const signed = map.nature === "signed";
  const shown = signed
    ? (t) => Math.abs(t - ZERO) * 2 >= settings.threshold // near 0 is hidden
    : (t) => t >= settings.threshold || settings.threshold === 0;
  const solid = colourise(places, table, () => true);
  const colours = settings.threshold > 0 ? colourise(places, table, shown) : solid;
  const layer = { layout: map.layout, colours, solid, signed };
  if (map.layout.regular) layer.image = gridImage(map.layout, colours);
  return layer;
}
