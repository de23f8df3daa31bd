// The brush on the picture: where it is, and its strokes, which are seen at once until the result that has them is there.
import { $, root } from "./dom.js";
import { now } from "./state.js";
import { onZoom, panBy } from "./zoom.js";

const RADIUS = { least: 0.5, most: 2000 }; // pixels of the original
const APART = 1 / 8; // of the radius, between two points of a stroke
const DOT = 0.01; // pixels that make a line of a point: of one without length nothing is drawn
const STEADY = 10; // steps of a pen's pressure, for one size; half of all its pressure is the size as chosen

// The size in pixels of the screen, across; the soft rim of an exact stroke as a part of its radius.
export const brush = { kind: "keep", exact: false, size: Math.min(40, Math.round(innerWidth / 16)), soft: 0.3 }; // on a phone a photo is small
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
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const rounded = (value) => Math.round(value * 100) / 100;

// ---- strokes --------------------------------------------------------------------------------------------------------

// In pixels of the original.
export function pointAt({ clientX, clientY }) {
  const { left, top, width, height } = sheet();
  const [wide, high] = now.result.photo_size;
  return [rounded((clientX - left) / width * wide), rounded((clientY - top) / height * high)];
}

function pressureOf({ pointerType, pressure }) {
  return pointerType === "pen" && pressure > 0 ? Math.max(1, Math.round(2 * pressure * STEADY)) / STEADY : 1;
}

function radiusOf(event) {
  const scale = now.result.photo_size[0] / sheet().width;
  return rounded(clamp(brush.size / 2 * pressureOf(event) * scale, RADIUS.least, RADIUS.most));
}

const newPiece = (radius, points) => ({ kind: brush.kind, radius, exact: brush.exact, soft: brush.soft, points });

export function beginStroke(event) {
  moveBrush(event);
  if (!isReady()) return;
  stroke = [newPiece(radiusOf(event), [pointAt(event)])];
  draw();
}

export function extendStroke(event) {
  moveBrush(event);
  if (!stroke) return;
  const between = event.getCoalescedEvents?.() ?? [];
  for (const each of between.length ? between : [event]) addPoint(each);
  draw();
}

function addPoint(event) {
  const piece = stroke.at(-1);
  const [last, point, radius] = [piece.points.at(-1), pointAt(event), radiusOf(event)];
  if (Math.hypot(point[0] - last[0], point[1] - last[1]) < radius * APART) return;
  if (radius === piece.radius) piece.points.push(point);
  else stroke.push(newPiece(radius, [last, point]));
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
  const canvas = $("strokes");
  const { left, top, width, height } = sheet();
  const frame = canvas.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [frame.width * scale, frame.height * scale]; // which clears it
  const shown = [...fresh.map(({ pieces }) => pieces), stroke ?? []].flat();
  if (!shown.length || !isReady()) return;
  const [wide, high] = now.result.photo_size;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale * width / wide, 0, 0, scale * height / high, scale * (left - frame.left), scale * (top - frame.top));
  for (const piece of shown) trace(pen, piece);
}

function trace(pen, { kind, radius, points }) {
  pen.strokeStyle = getComputedStyle(root).getPropertyValue(`--${kind}`);
  Object.assign(pen, { lineWidth: 2 * radius, lineCap: "round", lineJoin: "round" });
  pen.beginPath();
  pen.moveTo(points[0][0] + DOT, points[0][1]);
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
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
