// How OpenSeadragon is loaded and set up.

import { element } from "./panel.js";

const OVERVIEW_PX = 170;

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

export function openViewer(OpenSeadragon, host, slide, tiles) {
  const room = Math.min(OVERVIEW_PX, Math.max(110, host.clientWidth * 0.22));
  const fit = room / Math.max(slide.width, slide.height);
  return new OpenSeadragon.Viewer({
    element: host,
    drawer: "canvas", // much faster than WebGL where there is no GPU
    tileSources: tileSource(slide, tiles),
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "TOP_RIGHT",
    navigatorWidth: `${Math.max(40, Math.round(slide.width * fit))}px`,
    navigatorHeight: `${Math.max(40, Math.round(slide.height * fit))}px`,
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
