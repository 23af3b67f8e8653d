// Which files can be made of what is on show: their addresses, sizes, and why one cannot.

import { viewsOf } from "./maps.js";

const MOST_MEASURED = 24; // maps in one QuPath or DICOM file
const MEAN = "mean";
const MB = 2 ** 20;

// {groups: [{title, files: [{name, words, size, url, why}]}], command}
export function filesOf(bench) {
  const { map, slide, data } = bench;
  if (!map || !slide) return { groups: [{ title: "No map is on show", files: [] }], command: "" };
  const here = slide.maps.filter((view) => view.values);
  const all = data.slides.flatMap((one) => one.maps.filter((view) => view.values));
  const measured = measurable(bench, here);
  const n = map.view.n;
  const file = (path, parameters, rest) => ({ ...rest, url: addressOf(bench, path, parameters) });
  const shown = { ...drawing(bench), ...sameMap(bench, map.view) };
  const picture = { ...shown, ...second(bench) };
  const noDicom = slide.view.token ? (slide.view.mpp ? "" : "DICOM needs millimetres, and this slide’s pixel size is not known.") : "DICOM lies on its slide, and the slide file is not at hand.";
  const measuring = { ...shown, map: measured };
  return {
    groups: [
      {
        title: "Picture",
        files: [
          file("figure.png", picture, { name: "PNG", words: "as drawn here, with legend, scale bar and source" }),
          file("figure.svg", picture, { name: "SVG", words: "the same with real text, to edit" }),
        ],
      },
      {
        title: "Numbers",
        files: [
          file("maps.csv", { map: valuesOf(here) }, { name: "CSV, this slide", words: `${here.length} maps`, size: bytes(n * (26 + 24 * here.length)) }),
          ...(data.slides.length > 1 ? [file("maps.csv", { map: valuesOf(all) }, { name: "CSV, whole case", words: `${data.slides.length} slides` })] : []),
        ],
      },
      {
        title: "QuPath",
        files: [
          file("tiles.geojson.gz", measuring, { name: "Tiles", words: `${measured.length} maps as measurements: Measure ▸ Show measurement maps`, size: bytes(n * (38 + 22 * measured.length)) }),
          file("top.geojson", { ...measuring, top: 50 }, { name: "Top 50 annotations", words: "the highest patches, editable" }),
        ],
      },
      {
        title: "DICOM",
        files: [
          file("dicom.zip", measuring, { name: "Set (zip)", words: "map, annotations, and an overview where the slide is not DICOM: opens in Slim", why: noDicom }),
          file("parametric_map.dcm", shown, { name: "Parametric map", words: "float values on a level of the pyramid", why: noDicom }),
          file("annotations.dcm", measuring, { name: "Bulk annotations", words: `a rectangle per patch, ${measured.length} maps`, size: bytes(n * 40 * measured.length), why: noDicom }),
        ],
      },
    ],
    command: commandOf(bench),
  };
}

export const valuesOf = (views) => views.map((view) => view.values);

// The map on show first, then the other kinds and the other tokens of its direction, so many as one file holds.
function measurable({ map }, here) {
  const { kind, query, key } = map.view;
  const near = here.filter((view) => view.kind !== "attention" || kind !== "attention" || (view.query === query && view.key === key));
  return [map.view.values, ...valuesOf(near.filter((view) => view.values !== map.view.values))].slice(0, MOST_MEASURED);
}

// How the map is drawn, as the server's parameters name it.
export function drawing({ map, settings }) {
  const { nature, head = MEAN, fold = MEAN } = map;
  const { opacity, threshold, range, colormap, smooth } = settings;
  return { head, fold, scale: settings[nature], opacity, threshold, range, colormap, smooth };
}

// The same map of the other slides, because one scale is common to all.
export function sameMap({ data }, view, name = "case") {
  const others = data.slides.flatMap((slide) => viewsOf(slide).filter((one) => one.id === view.id && one.values && one.values !== view.values));
  return { [name]: valuesOf(others) };
}

// What the second stage shows.
export function second(bench) {
  if (!bench.second) return {};
  const { shows, choice } = bench.second;
  if (shows === "slide") return { second: "slide" };
  const view = bench.viewOf(choice);
  if (!view?.values) return {};
  const nature = shows === "difference" ? "signed" : choice.fold === "sd" ? "spread" : view.signed ? "signed" : "share";
  const other = { other: view.values, other_head: choice.head ?? MEAN, other_fold: choice.fold ?? MEAN, other_scale: bench.settings[nature] };
  return { second: shows, ...other, ...sameMap(bench, view, "other_case") };
}

export function parametersOf(values) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null && one !== "") found.append(name, String(one));
  }
  return found;
}

const addressOf = (bench, path, parameters) => bench.url(`export/${bench.map.view.values}/${path}?${parametersOf(parameters)}`);

function bytes(size) {
  if (size < 1000) return "1 kB";
  return size < MB ? `${Math.round(size / 1000)} kB` : `${(size / MB).toFixed(size < 10 * MB ? 1 : 0)} MB`;
}

const quoted = (word) => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

// The same maps without the app; the folder of the cohort is the person's own.
function commandOf({ data, map }) {
  const { id, checkpoint } = data.case ?? {};
  if (!id || !checkpoint) return "";
  return `survviz explain --checkpoint checkpoints/${quoted(checkpoint)} --cohort COHORT_FOLDER --case ${quoted(id)} --kind ${map.view.kind} --out maps`;
}
