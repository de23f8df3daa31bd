// The hand on the picture: it moves the handle, or the picture once that is larger than its frame, or draws; wheel, fingers, keys.
import { $, root } from "./dom.js";
import { split } from "./stage.js";
import { dropFrame, isPicking, pickAt, pickInFrame, stretchFrame } from "./pick.js";
import { isTouching } from "./state.js";
import { beginStroke, cancelStroke, extendStroke, moveBrush } from "./strokes.js";
import { finishStroke, resizeBrush } from "./touchup.js";
import { isZoomed, panBy, showWhole, zoomBy, zoomIn, zoomNear, zoomOut } from "./zoom.js";

const SLOP = 4; // px that a press may move and still be a tap
const GRIP = 24; // px beside the handle that take hold of it
const TWICE = { time: 350, way: 24 }; // ms and px between the two taps of a double tap
const WHEEL = { zoom: 300, pinch: 100, line: 32 }; // px of the wheel that double the zoom, and those of a line
const KEY_PAN = 60; // px
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const KEYS = { "+": zoomIn, "=": zoomIn, "-": zoomOut, 0: showWhole };

const pointers = new Map(); // that are pressed: id → where, in the order they came
let drag = null; // what the only one does: {from, move, moved, scrolls, draws, picks}, where up and down may be the page's
let tapped = { time: -Infinity, x: 0, y: 0, split: 0 }; // the last tap, and where the handle was before
let isSpaceDown = false; // with which the hand moves the picture that it would else draw on
const hasRoomToZoom = matchMedia("(min-width: 821px) and (min-height: 601px)"); // where the page itself hardly scrolls

const asPointer = ({ x, y }) => ({ clientX: x, clientY: y });
const isPicture = () => root.dataset.picture === "result";
const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
const between = (one, other) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });

function splitAt({ x }) {
  const { left, width } = $("frame").getBoundingClientRect();
  split(100 * (x - left) / width);
}

function isOnHandle({ x }) {
  const { left, width } = $("frame").getBoundingClientRect();
  const at = Math.min(Math.max(width * $("split").value / 100, GRIP), width - GRIP);
  return Math.abs(x - left - at) <= GRIP;
}

function isMoved({ from, scrolls }, to) {
  const [x, y] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
  return scrolls ? x > Math.max(y, SLOP) : Math.hypot(x, y) > SLOP;
}

// ---- pointers -------------------------------------------------------------------------------------------------------

function press(event) {
  const touches = isTouching() && event.button === 0 && !isSpaceDown;
  const [draws, picks] = [touches && !isPicking(), touches && isPicking()];
  const isHand = event.button === 0 || (event.button === 1 && isTouching());
  if (!isHand || !isPicture() || event.target.closest("#zoom")) return;
  const point = { x: event.clientX, y: event.clientY };
  pointers.set(event.pointerId, point);
  $("frame").setPointerCapture(event.pointerId);
  if (pointers.size > 1) letGo();
  else if (draws) beginStroke(event);
  const pans = isTouching() || (isZoomed() && !isOnHandle(point));
  const does = picks ? (x, y, to) => stretchFrame(asPointer(point), asPointer(to)) : pans ? panBy : (x, y, to) => splitAt(to);
  const scrolls = event.pointerType === "touch" && !isZoomed() && !picks;
  drag = pointers.size > 1 ? null : draws ? { draws } : { from: point, move: does, moved: false, scrolls, picks };
}

// What one finger has begun ends where a second comes.
function letGo() {
  cancelStroke();
  dropFrame();
}

function move(event) {
  const { pointerId, clientX, clientY } = event;
  const before = pointers.get(pointerId);
  if (!before) return isTouching() && moveBrush(event);
  const point = { x: clientX, y: clientY };
  if (pointers.size > 1) pinch(pointerId, before, point);
  else if (drag?.draws) extendStroke(event);
  else if (drag && (drag.moved || isMoved(drag, point))) {
    drag.moved = true;
    drag.move(point.x - before.x, point.y - before.y, point);
  } else return;
  pointers.set(pointerId, point);
}

function pinch(pointerId, before, point) {
  const other = [...pointers].find(([id]) => id !== pointerId)[1];
  const [from, to] = [between(before, other), between(point, other)];
  panBy(to.x - from.x, to.y - from.y);
  zoomBy(distance(point, other) / Math.max(1, distance(before, other)), to);
}

function release({ type, pointerId }) {
  const point = pointers.get(pointerId);
  if (!pointers.delete(pointerId)) return;
  if (isTouching()) finishStroke(type === "pointerup" && drag?.draws);
  else if (type === "pointerup") $("split").focus({ preventScroll: true, focusVisible: false }); // for the keys
  if (type === "pointerup" && drag && !drag.moved && !drag.draws && !isTouching()) tap(point);
  if (drag?.picks) choose(type, point);
  drag = pointers.size === 1 ? { move: panBy, moved: true } : null; // the finger that is left of two
}

function choose(type, point) {
  if (type !== "pointerup") dropFrame();
  else if (drag.moved) pickInFrame();
  else pickAt(asPointer(point));
}

// The handle jumps to a tap; the second of two takes that back, and looks closer, or at the whole again.
function tap(point) {
  const time = performance.now();
  if (time - tapped.time < TWICE.time && distance(tapped, point) < TWICE.way) {
    split(tapped.split);
    tapped.time = -Infinity;
    return isZoomed() ? showWhole() : zoomNear(point);
  }
  tapped = { ...point, time, split: $("split").value };
  if (!isZoomed()) splitAt(point);
}

// ---- wheel and keys -------------------------------------------------------------------------------------------------

// With Ctrl, as a touchpad's pinch says it, everywhere; else where it takes nobody's way down the page.
function turn(event) {
  const { deltaX, deltaY, deltaMode, altKey, ctrlKey, clientX, clientY } = event;
  if (isTouching() && altKey) {
    event.preventDefault();
    return resizeBrush(-Math.sign(deltaY || deltaX));
  }
  const zooms = ctrlKey || (hasRoomToZoom.matches && (deltaY < 0 || isZoomed()));
  if (!isPicture() || !zooms || !deltaY) return;
  event.preventDefault();
  const way = deltaMode === WheelEvent.DOM_DELTA_PIXEL ? deltaY : deltaY * WHEEL.line;
  zoomBy(2 ** (-way / (ctrlKey ? WHEEL.pinch : WHEEL.zoom)), { x: clientX, y: clientY });
}

function steer(event) {
  const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey) return; // the browser's own
  const pans = shiftKey && isZoomed() && ARROWS[key];
  const act = key === "Escape" && isZoomed() && !isTouching() ? showWhole : KEYS[key];
  if (!pans && !act) return;
  event.preventDefault();
  if (pans) panBy(...pans.map((way) => way * KEY_PAN));
  else act();
}

function holdSpace({ type, key }) {
  if (key === " ") isSpaceDown = type === "keydown";
}

// Two fingers are never the browser's, even where one scrolls the page.
const keepTwo = (event) => { if (event.touches.length > 1) event.preventDefault(); };

export function beginGestures() {
  const frame = $("frame");
  frame.addEventListener("pointerdown", press);
  frame.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, release);
  for (const touch of ["touchstart", "touchmove"]) frame.addEventListener(touch, keepTwo, { passive: false });
  frame.addEventListener("wheel", turn, { passive: false });
  frame.addEventListener("keydown", steer);
  for (const way of ["keydown", "keyup"]) addEventListener(way, holdSpace, true);
  frame.addEventListener("mousedown", (event) => { if (event.button === 1 && isTouching()) event.preventDefault(); }); // no scrolling by itself
  $("whole").addEventListener("click", () => {
    showWhole();
    $(isTouching() ? "strokes" : "split").focus({ preventScroll: true });
  });
}
