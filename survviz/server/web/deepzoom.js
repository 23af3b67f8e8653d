// How OpenSeadragon is loaded and set up.

import { element } from "./panel.js";

const OVERVIEW_PX = 170;
const OVERVIEW_SHARE = 0.25; // of the stage, at most
const HEIGHT_SHARE = 0.35;

let library;
export function loadOpenSeadragon() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: new URL("openseadragon.min.js", import.meta.url).href });
    script.onload = () => resolve(window.OpenSeadragon);
    script.onerror = () => reject(new Error("OpenSeadragon could not be loaded. Reload the page."));
    document.head.append(script);
  });
  return library;
}

// Size of the overview in CSS pixels, in the slide's shape.
export function overviewSize(host, { width, height }) {
  const across = Math.min(OVERVIEW_PX, OVERVIEW_SHARE * host.clientWidth);
  const down = Math.min(OVERVIEW_PX, HEIGHT_SHARE * host.clientHeight);
  const fit = Math.min(across / width, down / height);
  return { width: Math.max(16, Math.round(width * fit)), height: Math.max(16, Math.round(height * fit)) };
}

export function openViewer(OpenSeadragon, host, slide, tiles) {
  const overview = overviewSize(host, slide);
  return new OpenSeadragon.Viewer({
    element: host,
    drawer: "canvas", // much faster than WebGL where there is no GPU
    tileSources: tileSource(slide, tiles),
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "TOP_RIGHT",
    navigatorWidth: `${overview.width}px`,
    navigatorHeight: `${overview.height}px`,
    navigatorAutoFade: false,
    navigatorBackground: "transparent",
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    preserveImageSizeOnResize: true, // a line more of notes must not zoom
    animationTime: 0.4,
    maxZoomPixelRatio: 4,
    minZoomImageRatio: 0.5,
    visibilityRatio: 0.3,
    imageLoaderLimit: 8,
    tileRetryMax: 1,
    tileRetryDelay: 500,
    crossOriginPolicy: false,
  });
}

// Deep-zoom tiles; a slide without a file is an empty canvas of its size.
function tileSource({ width, height, tile_size: tileSize, token }, base) {
  const top = Math.ceil(Math.log2(Math.max(width, height)));
  const common = { width, height, tileSize, tileOverlap: 0, getTileUrl: (level, x, y) => `${base}/${level}/${x}_${y}.jpg` };
  if (!token) return { ...common, minLevel: 0, maxLevel: 0, tileExists: () => false };
  return { ...common, minLevel: Math.min(8, top) }; // level 8 fits one tile
}
