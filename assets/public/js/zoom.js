// How near the picture is looked at: from 1, the whole of it in the frame, and which point of it is in the frame's middle.
import { $, root, showNotice } from "./dom.js";
import { isTouching, now } from "./state.js";
import { say, sayError } from "./words.js";

const LEVELS = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32]; // that the keys go through
const STILL = 300; // milliseconds without a change, after which the full size is worth asking for

let zoom = 1;
let middle = { x: 0.5, y: 0.5 }; // of the picture, from 0 to 1
let wish = 0; // the timer that waits until all is still
const watchers = []; // of where the picture stands
let coming = null; // the result whose full size is on its way, or here

export function onZoom(watcher) {
  watchers.push(watcher);
}

export const isZoomed = () => zoom > 1;

const canZoom = () => root.dataset.picture === "result" && (root.dataset.nothing !== "true" || isTouching());
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const sheet = () => $("result").getBoundingClientRect();
const screenPixels = () => sheet().width * (window.devicePixelRatio || 1);

// At which a pixel of the full size is a pixel of the screen.
const realZoom = () => zoom * now.result.width / screenPixels();

// ---- where the picture stands ---------------------------------------------------------------------------------------

function center() {
  const { left, top, width, height } = $("frame").getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}

// The frame stays full as far as the picture is large enough for it.
function keepWithin(at, part) {
  return part >= 1 ? 0.5 : clamp(at, part / 2, 1 - part / 2);
}

function place(next, { x, y }) {
  const frame = $("frame").getBoundingClientRect();
  const { width, height } = sheet();
  const grown = next / zoom;
  zoom = next;
  middle = { x: keepWithin(x, frame.width / (width * grown)), y: keepWithin(y, frame.height / (height * grown)) };
  draw();
}

function draw() {
  const { style } = $("frame");
  style.setProperty("--zoom", zoom);
  style.setProperty("--middle-x", middle.x);
  style.setProperty("--middle-y", middle.y);
  root.dataset.zoomed = isZoomed();
  $("zoom").hidden = !isZoomed();
  $("zoom-level").textContent = isZoomed() ? say("page.zoom.level", { percent: Math.round(zoom * 100) }) : "";
  clearTimeout(wish);
  wish = setTimeout(fetchClose, STILL);
  for (const watcher of watchers) watcher();
}

// What is under `point` of the screen stays there.
export function zoomTo(wanted, point = center()) {
  if (!canZoom()) return;
  const next = wanted < 1.01 ? 1 : Math.min(wanted, Math.max(LEVELS.at(-1), 4 * realZoom()));
  const { left, top, width, height } = sheet();
  const [grown, { x, y }] = [next / zoom, center()];
  place(next, {
    x: (point.x - left) / width + (x - point.x) / (width * grown),
    y: (point.y - top) / height + (y - point.y) / (height * grown),
  });
}

export const zoomBy = (factor, point) => zoomTo(zoom * factor, point);
export const zoomIn = () => zoomTo(LEVELS.find((level) => level > zoom) ?? zoom);
export const zoomOut = () => zoomTo(LEVELS.findLast((level) => level < zoom) ?? 1);
export const showWhole = () => place(1, { x: 0.5, y: 0.5 });

// Near enough to judge: real pixels, and more of them where the whole shows them already.
export const zoomNear = (point) => zoomTo(Math.max(2, realZoom()), point);

export const hasRealPixels = () => canZoom() && realZoom() > 1;
export const showRealPixels = () => zoomTo(realZoom());

export function panBy(x, y) {
  const { width, height } = sheet();
  place(zoom, { x: middle.x - x / width, y: middle.y - y / height });
}

// ---- the full size --------------------------------------------------------------------------------------------------

const isTooCoarse = () => isZoomed() && root.dataset.view !== "matte" && screenPixels() > $("after").naturalWidth
  && now.result.width > $("after").naturalWidth;

// Takes the place of the view's picture once that has fewer pixels than the screen shows of it.
async function fetchClose() {
  const { result } = now;
  if (!result || coming === result || !isTooCoarse()) return;
  coming = result;
  $("zoom").classList.add("working");
  try {
    const answer = await fetch(result.close);
    if (!answer.ok) throw await answer.json();
    const address = URL.createObjectURL(await answer.blob());
    const picture = Object.assign(new Image(), { src: address });
    await picture.decode();
    if (coming === result) showClose(address);
    else URL.revokeObjectURL(address);
  } catch (error) {
    if (coming !== result) return;
    coming = null;
    showNotice(error?.code ? sayError(error) : say("page.lost"), "error");
  } finally {
    if (coming === result || coming === null) $("zoom").classList.remove("working");
  }
}

function showClose(address) {
  $("close").onload = () => URL.revokeObjectURL(address);
  $("close").src = address;
  $("close").hidden = false;
}

function forgetClose() {
  coming = null;
  $("close").hidden = true;
  $("close").removeAttribute("src");
}

// Something else is shown: of the same size, and it is looked at as near as before.
export function renewZoom(isSame) {
  if (coming !== now.result) forgetClose();
  if (isSame && canZoom()) return draw();
  zoom = 1;
  middle = { x: 0.5, y: 0.5 };
  draw();
}
