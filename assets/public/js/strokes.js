// The brush on the picture: where it is, and its strokes, which are seen at once until the result that has them is there.
import { $ } from "./dom.js";
import { clamp, eventsOf, lengthen, paint, pointOn, pressureOf, radiusOn, SIZES } from "./painting.js";
import { now } from "./state.js";
import { onZoom, panBy } from "./zoom.js";

// The size in pixels of the screen, across; the soft rim of an exact stroke as a part of its radius.
export const brush = { kind: "keep", exact: false, size: SIZES.usual, soft: 0.3 };
export const hasRim = () => brush.exact && brush.kind !== "unsure" && !now.photo?.trimap;

let stroke = null; // the pieces of the one that is being drawn
let fresh = []; // strokes that the result on the screen does not have yet: {pieces, change}
const watchers = []; // of the brush
let cross = null; // where the brush is, as a part of the picture, from 0 to 1

export function onBrush(watcher) {
  watchers.push(watcher);
}

const sheet = () => $("result").getBoundingClientRect();
const isReady = () => Boolean(now.result?.whole);

// ---- strokes --------------------------------------------------------------------------------------------------------

// In pixels of the original.
export const pointAt = (event) => pointOn(sheet(), now.result.photo_size, event);
const radiusOf = (event) => radiusOn(sheet(), now.result.photo_size, brush.size, event);

export function beginStroke(event) {
  moveBrush(event);
  if (!isReady()) return;
  stroke = [{ kind: brush.kind, radius: radiusOf(event), exact: brush.exact, soft: brush.soft, points: [pointAt(event)] }];
  draw();
}

export function extendStroke(event) {
  moveBrush(event);
  if (!stroke) return;
  for (const each of eventsOf(event)) lengthen(stroke, pointAt(each), radiusOf(each));
  draw();
}

// Its pieces, or null where nothing was drawn.
export function endStroke() {
  const pieces = stroke;
  stroke = null;
  return pieces;
}

export function cancelStroke() {
  stroke = null;
  draw();
}

export function showUntilThere(pieces, change) {
  fresh.push({ pieces, change });
  draw();
}

// Something else is shown, or a stroke was taken back.
export function renewStrokes() {
  const { done } = now.photo?.touch ?? { done: [] };
  fresh = fresh.filter(({ pieces, change }) => change > (now.result?.change ?? 0) && done.includes(pieces));
  draw();
}

// ---- what is seen of them -------------------------------------------------------------------------------------------

function draw() {
  const shown = [...fresh.map(({ pieces }) => pieces), stroke ?? []].flat();
  paint($("strokes"), sheet(), now.result?.photo_size, isReady() ? shown : []);
}

// ---- the brush ------------------------------------------------------------------------------------------------------

export function moveBrush(event) {
  const { left, top, width, height } = sheet();
  cross = { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  drawBrush(pressureOf(event));
}

export function drawBrush(part = 1) {
  const { style } = $("brush");
  $("brush").hidden = !cross;
  if (!cross) return;
  const [{ left, top, width, height }, frame] = [sheet(), $("frame").getBoundingClientRect()];
  style.setProperty("--soft", hasRim() ? brush.soft : 0);
  style.width = style.height = `${brush.size * part}px`;
  style.left = `${left + cross.x * width - frame.left}px`;
  style.top = `${top + cross.y * height - frame.top}px`;
  for (const watcher of watchers) watcher();
}

export function hideBrush() {
  cross = null;
  drawBrush();
  for (const watcher of watchers) watcher();
}

// By keys: within the picture, which moves along where it is larger than its frame.
export function stepBrush(x, y) {
  const frame = $("frame").getBoundingClientRect();
  const { left, top, width, height } = sheet();
  cross ??= { x: (frame.left + frame.width / 2 - left) / width, y: (frame.top + frame.height / 2 - top) / height };
  cross = { x: clamp(cross.x + x / width, 0, 1), y: clamp(cross.y + y / height, 0, 1) };
  const [at, over] = [{ x: left + cross.x * width, y: top + cross.y * height }, { x: 0, y: 0 }];
  over.x = at.x - clamp(at.x, frame.left, frame.right);
  over.y = at.y - clamp(at.y, frame.top, frame.bottom);
  if (over.x || over.y) panBy(-over.x, -over.y);
  drawBrush();
}

// Where the brush is, as a pointer would say it.
export function brushPoint() {
  const { left, top, width, height } = sheet();
  return cross && { clientX: left + cross.x * width, clientY: top + cross.y * height };
}

export function beginStrokes() {
  onZoom(() => {
    drawBrush();
    draw();
  });
  new ResizeObserver(draw).observe($("frame"));
  $("strokes").addEventListener("focus", ({ target }) => { if (target.matches(":focus-visible")) stepBrush(0, 0); });
  $("frame").addEventListener("pointerleave", () => { if (!stroke) hideBrush(); });
}
