// Brushes on a frame of the video: strokes by frame, seen at once, until the frame that is cut out with them is there.
import { $, announce, make, write } from "./dom.js";
import { deedOf, isAlone, wayOf } from "./keys.js";
import { redoStroke, undoAll, undoStroke } from "./marks.js";
import { boundSize, clamp, eventsOf, lengthen, nextSize, paint, pointOn, pressureOf, radiusOn, SIZES } from "./painting.js";
import { facts } from "./state.js";
import { addStrokeAt, changeStrokesAt, countStrokes, drawnSeconds, dropNewest, forgetSets, recallSets, touchAt } from "./video_marks.js";
import { stillOf } from "./video_server.js";
import { onVideo, phaseOf, video } from "./video_state.js";
import { onSpeak, say } from "./words.js";

const brush = { kind: "keep", size: SIZES.usual };
let change = 0; // how often strokes have changed
let isOn = false; // whether the brush is in the hand
let shown = { second: null }; // what is seen: {second, isWhole, change}
let stroke = null; // the pieces of the one that is being drawn
let fresh = []; // strokes that the frame does not show yet: {pieces, change}
let cross = null; // where the brush is, as a part of the picture, from 0 to 1
let renew = () => {}; // asks for the frame anew

// ---- what changes ---------------------------------------------------------------------------------------------------

const second = () => Number($("video-at").value);
const touchHere = () => touchAt(second());

// The newest stroke cannot be used.
export function refuseStroke() {
  dropNewest();
  fresh = [];
  draw();
}

export function forgetStrokes() {
  forgetSets();
  [fresh, shown] = [[], { second: null }];
  draw();
}

export async function recallStrokes(status) {
  await recallSets(status);
  draw();
}

function changed() {
  change += 1;
  draw();
  renew();
}

function add(pieces) {
  addStrokeAt(second(), sizeOfClip(), pieces);
  fresh.push({ pieces, change: change + 1 });
  changed();
}

function step(how, word) {
  changeStrokesAt(second(), how);
  fresh = [];
  changed();
  if (document.activeElement.disabled) $("video-strokes").focus({ preventScroll: true });
  announce(say(word));
}

const undo = () => touchHere()?.done.length && step(undoStroke, "page.touch.undone");
const redo = () => touchHere()?.undone.length && step(redoStroke, "page.touch.redone");

// ---- the frame ------------------------------------------------------------------------------------------------------

// The frame that is asked for: its options, without what would frame it anew while it is drawn on, and what is done once
// it is seen.
export function prepareStrokes(options) {
  const asked = { second: second(), change, isWhole: isOn || !facts.framing.some((name) => name in options) };
  if (isOn) for (const name of facts.framing) delete options[name];
  return { options, second: asked.second, seen: () => see(asked) };
}

function see(asked) {
  shown = asked;
  fresh = fresh.filter((each) => each.change > asked.change);
  draw();
}

const isReady = () => isOn && shown.isWhole && shown.second === second();
const sizeOfClip = () => [video.status.clip.width, video.status.clip.height];

// Where the picture is on the screen.
function rect() {
  const { left, top, width, height } = $("video-stage").getBoundingClientRect();
  const [wide, high] = sizeOfClip();
  const scale = Math.min(width / wide, height / high);
  return { left: left + (width - wide * scale) / 2, top: top + (height - high * scale) / 2, width: wide * scale, height: high * scale };
}

// ---- strokes --------------------------------------------------------------------------------------------------------

const pointAt = (event) => pointOn(rect(), sizeOfClip(), event);
const radiusOf = (event) => radiusOn(rect(), sizeOfClip(), brush.size, event);

function begin(event) {
  moveBrush(event);
  if (isReady()) stroke = [{ kind: brush.kind, radius: radiusOf(event), exact: true, soft: 0, points: [pointAt(event)] }];
  drawStrokes();
}

function extend(event) {
  moveBrush(event);
  if (!stroke) return;
  for (const each of eventsOf(event)) lengthen(stroke, pointAt(each), radiusOf(each));
  drawStrokes();
}

function end(isWhole) {
  const pieces = stroke;
  stroke = null;
  if (pieces && isWhole) add(pieces);
  else drawStrokes();
}

function dab() {
  const { left, top, width, height } = rect();
  if (!cross) return stepBrush(0, 0);
  begin({ clientX: left + cross.x * width, clientY: top + cross.y * height });
  if (!stroke) return;
  end(true);
  announce(say(`page.touch.did.${brush.kind}`));
}

const pressed = new Set(); // pointers: where a second comes, what the first has begun ends

function press(event) {
  if (event.button !== 0) return;
  event.preventDefault(); // no focus ring by the mouse
  $("video-strokes").focus({ preventScroll: true, focusVisible: false });
  $("video-strokes").setPointerCapture(event.pointerId);
  pressed.add(event.pointerId);
  if (pressed.size > 1) end(false);
  else begin(event);
}

function release({ type, pointerId }) {
  if (pressed.delete(pointerId)) end(type === "pointerup" && !pressed.size);
}

// ---- the brush ------------------------------------------------------------------------------------------------------

function moveBrush(event) {
  const { left, top, width, height } = rect();
  cross = { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  drawBrush(pressureOf(event));
}

function stepBrush(x, y) {
  const { width, height } = rect();
  cross ??= { x: 0.5, y: 0.5 };
  cross = { x: clamp(cross.x + x / width, 0, 1), y: clamp(cross.y + y / height, 0, 1) };
  drawBrush();
}

function drawBrush(part = 1) {
  const ring = $("video-brush");
  ring.hidden = !cross;
  ring.dataset.kind = brush.kind;
  if (!cross) return;
  const [{ left, top, width, height }, stage] = [rect(), $("video-stage").getBoundingClientRect()];
  ring.style.width = ring.style.height = `${brush.size * part}px`;
  ring.style.left = `${left + cross.x * width - stage.left}px`;
  ring.style.top = `${top + cross.y * height - stage.top}px`;
}

function setSize(size) {
  brush.size = boundSize(size);
  $("video-size").value = brush.size;
  drawBrush();
}

// ---- what is seen ---------------------------------------------------------------------------------------------------

function draw() {
  const here = touchHere()?.done.length ?? 0;
  for (const name of ["undo", "clear"]) $(`video-${name}`).disabled = !here;
  const drawn = drawnSeconds();
  $("video-ticks").replaceChildren(...drawn.map((at) => make("option", { value: at })));
  const isBefore = drawn.some((at) => at < ($("video-from").valueAsNumber || 0));
  write($("video-hint"), say(isBefore ? "page.video.strokes_before" : "page.video.strokes"));
  write($("video-count"), String(countStrokes()));
  $("video-count").hidden = !drawn.length;
  write($("video-touch-word"), say(isOn ? "page.touch.done" : "page.touch"));
  drawStrokes();
}

function drawStrokes() {
  if (!isOn) return;
  const still = stillOf(video.status.id, shown.second ?? second());
  if (isReady() && $("video-original").getAttribute("src") !== still) $("video-original").src = still;
  $("video-original").hidden = !($("video-faint").checked && isReady());
  paint($("video-strokes"), rect(), sizeOfClip(), [...fresh.map(({ pieces }) => pieces), stroke ?? []].flat());
}

function show(on) {
  if (on === isOn) return;
  isOn = on;
  [stroke, cross, fresh] = [null, null, []];
  pressed.clear();
  $("video").toggleAttribute("data-touching", on);
  $("video-touch").setAttribute("aria-expanded", on);
  $("video-brush").hidden = true;
}

function enter() {
  show(true);
  draw();
  renew();
  $("video-stage").scrollIntoView({ block: "nearest" });
  $("video-strokes").focus({ preventScroll: true, focusVisible: false });
}

function leave() {
  show(false);
  draw();
  renew();
  $("video-touch").focus({ preventScroll: true });
}

// ---- keys -----------------------------------------------------------------------------------------------------------

function steer(event) {
  const resize = (way) => setSize(nextSize(brush.size, way));
  const deed = isOn && deedOf(event, { undo, redo, leave, resize });
  if (!deed) return;
  event.preventDefault();
  deed();
}

function paintByKey(event) {
  const [{ key }, way] = [event, wayOf(event, brush.size)];
  if (!isAlone(event) || !(way || key === "Enter" || key === " ")) return;
  event.preventDefault();
  if (way) stepBrush(...way);
  else dab();
}

function beginCanvas() {
  const canvas = $("video-strokes");
  const does = { pointerdown: press, pointermove: extend, pointerup: release, pointercancel: release, keydown: paintByKey };
  for (const [name, act] of Object.entries(does)) canvas.addEventListener(name, act);
  canvas.addEventListener("pointerleave", () => {
    if (stroke) return;
    cross = null;
    drawBrush();
  });
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) stepBrush(0, 0); });
}

export function beginVideoStrokes(renewFrame) {
  renew = renewFrame;
  beginCanvas();
  $("video-touch").addEventListener("click", () => isOn ? leave() : enter());
  $("video-undo").addEventListener("click", undo);
  $("video-clear").addEventListener("click", () => step(undoAll, "page.touch.all_undone"));
  $("video-faint").addEventListener("change", draw);
  $("video-size").addEventListener("input", ({ target }) => {
    setSize(target.valueAsNumber);
    stepBrush(0, 0); // so that the size is seen
  });
  for (const radio of document.querySelectorAll("input[name=video-kind]")) {
    radio.addEventListener("change", () => {
      brush.kind = radio.value;
      drawBrush();
    });
  }
  $("video").addEventListener("keydown", steer);
  $("video-at").addEventListener("input", () => {
    fresh = [];
    draw();
  });
  for (const name of ["from", "to"]) $(`video-${name}`).addEventListener("input", draw);
  new ResizeObserver(draw).observe($("video-stage"));
  onVideo(() => {
    if (phaseOf(video) !== "ready") show(false);
    draw();
  });
  onSpeak(draw);
  setSize(brush.size);
}
