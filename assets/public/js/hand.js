// Framing by hand: a bar with the tools in the place of the backgrounds, and one hand on the picture for all of them.
// A tool moves, scales and crops by setting options; the picture follows at once, and the server's once the hand rests.
import { runAgain } from "./bridge.js";
import { $, announce, isTyping, root, write } from "./dom.js";
import { beforeTaking } from "./download.js";
import { background } from "./hand_background.js";
import { crop } from "./hand_crop.js";
import { drawLive, isBehind } from "./hand_live.js";
import { move } from "./hand_move.js";
import { shadow } from "./hand_shadow.js";
import { acceptFile, bringBack, faultOf, onMessage, onPhoto, receive } from "./photo.js";
import { amend, onSettings, shownSettings } from "./settings.js";
import { facts, isWorking, now } from "./state.js";
import { onSpeak, say } from "./words.js";
import { showWhole } from "./zoom.js";

const TOOLS = { move, crop, shadow, background };
const OF_ONE_PHOTO = ["crop_box", "offset_x", "offset_y", "scale"]; // options that mean nothing for the next one
const SLOP = 3; // px that a press may move and still move nothing
const REST = 400; // milliseconds without a key or a turn of the wheel, after which the server is asked
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }; // pixels of the picture
const FAR = 10; // times as far with Shift
const GROWTH = { "+": 1.05, "=": 1.05, "-": 1 / 1.05 };
const WHEEL = { turn: 600, pinch: 200, line: 32 }; // px of the wheel that double the size, and those of a line

const pointers = new Map(); // that are pressed: id → where
let changes = null; // options that the hand has changed and the settings do not have yet
let drag = null; // of one pointer: {from, start: the values when it began, part: what was taken hold of, moved}
let framed = null; // how the photo before was framed, until the next one has a result
let askedAfter = null; // the result that was not enough to be taken along
let resting = 0; // the timer that waits until the hand rests

const tool = () => TOOLS[now.hand];
const values = () => ({ ...shownSettings(), ...changes });
const sheet = () => $("hand").getBoundingClientRect();
const radios = () => [...document.querySelectorAll("input[name=hand-tool]")];

// ---- what is changed ------------------------------------------------------------------------------------------------

function change(next) {
  changes = { ...changes, ...next };
  draw();
}

// Whether there was anything to be done, so that a result is on its way.
function commit() {
  clearTimeout(resting);
  const [next, shown] = [changes ?? {}, shownSettings()];
  changes = null;
  const isChange = Object.keys(next).some((name) => next[name] !== shown[name]);
  if (isChange) expect();
  if (isChange) amend(next);
  else draw();
  return isChange;
}

// A step of the keys or of the wheel: several in a row are one change.
function changeSoon(next) {
  change(next);
  clearTimeout(resting);
  resting = setTimeout(commit, REST);
}

const expect = () => receive({ state: "working", run: now.run, step: "finishing" });

function run() {
  expect();
  runAgain();
}

// Whether the picture on the screen is another view than is wanted now: to be cropped it is seen uncropped, and of a sheet
// one copy is seen as long as the hand is on it.
function isOtherView() {
  if (!now.result) return false;
  const { hand: shown, whole, left_out: leftOut } = now.result;
  if (!now.hand) return leftOut;
  if (now.hand === "crop") return shown !== "crop" && !whole;
  return shown === "crop" ? leftOut : shownSettings().sheet !== "none" && !shown;
}

// What is taken along is what the hand has made of it. Where the last result came before all of that had arrived, one more
// is asked for.
function settle() {
  leave();
  if (!isBehind(shownSettings()) && !isOtherView()) return false;
  const { result } = now;
  if (!isWorking() && result !== askedAfter) run();
  askedAfter = result;
  return isWorking();
}

// ---- the hand -------------------------------------------------------------------------------------------------------

const pointOf = ({ clientX, clientY }) => ({ x: clientX, y: clientY });

function press(event) {
  event.stopPropagation();
  if (event.button !== 0 || isOtherView()) return;
  pointers.set(event.pointerId, pointOf(event));
  $("hand").setPointerCapture(event.pointerId);
  clearTimeout(resting);
  const part = event.target.dataset.part ?? "";
  drag = pointers.size === 1 ? { from: pointOf(event), start: values(), part } : null;
  if (!part) $("hand").focus({ preventScroll: true, focusVisible: false });
}

function follow(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  event.stopPropagation();
  const point = pointOf(event);
  pointers.set(event.pointerId, point);
  if (pointers.size > 1) return pinch(event.pointerId, before, point);
  if (!drag || !(drag.moved ||= Math.hypot(point.x - drag.from.x, point.y - drag.from.y) > SLOP)) return;
  const { width, height } = sheet();
  const way = { x: (point.x - drag.from.x) / width, y: (point.y - drag.from.y) / height };
  change(tool().drag(drag.start, way, { part: drag.part, from: drag.from, to: point, sheet: sheet(), free: event.altKey }));
}

function pinch(id, before, point) {
  const other = [...pointers].find(([each]) => each !== id)[1];
  const apart = ({ x, y }) => Math.max(1, Math.hypot(x - other.x, y - other.y));
  change(tool().grow(values(), apart(point) / apart(before)));
}

function release(event) {
  if (!pointers.delete(event.pointerId)) return;
  event.stopPropagation();
  drag = null;
  if (pointers.size > 0) return;
  tool().rest?.();
  commit();
}

function turn(event) {
  const { deltaX, deltaY, deltaMode, ctrlKey } = event;
  event.stopPropagation();
  if (isOtherView()) return;
  const way = (deltaY || deltaX) * (deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : WHEEL.line);
  const next = tool().grow(values(), 2 ** (-way / (ctrlKey ? WHEEL.pinch : WHEEL.turn)));
  if (!next) return;
  event.preventDefault();
  changeSoon(next);
}

function steer(event) {
  const { key, shiftKey, ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey || isOtherView()) return;
  const step = STEPS[key]?.map((way) => way * (shiftKey ? FAR : 1));
  const next = step ? tool().step(values(), step, target.dataset.part ?? "") : GROWTH[key] && tool().grow(values(), GROWTH[key]);
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  changeSoon(next);
}

// ---- the mode -------------------------------------------------------------------------------------------------------

function enter() {
  showWhole();
  hold("move");
  $("stage").scrollIntoView({ block: "nearest" });
  $("hand").focus({ preventScroll: true, focusVisible: false });
}

function leave() {
  if (!now.hand) return;
  hold(null);
  $("by-hand").focus({ preventScroll: true });
}

function hold(name) {
  const isComing = commit();
  show(name);
  if (isOtherView() && !isComing) run();
}

function show(name) {
  now.hand = name;
  root.toggleAttribute("data-hand", Boolean(name));
  if (name) root.dataset.hand = name;
  $("by-hand").setAttribute("aria-expanded", Boolean(name));
  draw();
}

// A photo that comes or goes, or models side by side: the hand lets go, and nothing is asked for.
function letGo() {
  clearTimeout(resting);
  pointers.clear();
  changes = drag = null;
  show(null);
}

function reset() {
  change(tool().plain(values()));
  commit();
}

// ---- what is seen of it ---------------------------------------------------------------------------------------------

function draw() {
  const shown = values();
  for (const radio of radios()) {
    radio.closest("label").hidden = !TOOLS[radio.value].isOffered(shown);
    radio.checked = radio.value === now.hand;
  }
  if (now.hand && !tool().isOffered(shown)) return hold("move"); // the shadow has gone, or the picture behind
  $("hand").classList.toggle("waiting", Boolean(now.hand) && isOtherView());
  drawLive(now.hand && !isOtherView() ? shown : null);
  if (!now.hand || !now.result) return;
  $("hand-undo").disabled = $("undo").disabled;
  $("hand-redo").disabled = $("redo").disabled;
  $("hand-reset").disabled = Object.entries(tool().plain(shown)).every(([name, value]) => shown[name] === value);
  $("hand-shape").closest("label").hidden = now.hand !== "crop" || !crop.shape(shown);
  write($("hand-hint"), say(`page.hand.hint.${now.hand}`));
  write($("hand-facts"), tool().describe(shown));
  $("hand").setAttribute("aria-label", say(`page.hand.label.${now.hand}`));
  if (!isOtherView()) tool().draw(shown);
}

function hear({ comparing, state }) {
  if (now.hand && (comparing || root.dataset.nothing === "true")) letGo();
  else draw();
  if (state === "error" && framed && now.result) amend(framed); // it is the photo before that is shown again
  if (state === "error" || state === "done") framed = null;
  if (state === "done" && now.hand) announce(tool().describe(values())); // rather than how long it took
}

function leaveByKey(event) {
  const { key, target } = event;
  if (key !== "Escape" || !$("hand-bar").checkVisibility() || isTyping(target) || document.querySelector("dialog[open], .pop:not([hidden])")) return;
  event.preventDefault();
  event.stopPropagation();
  leave();
}

// How one photo was framed is of no use to the next: it comes without. One that comes back has its own.
export function acceptNew(file) {
  const shown = shownSettings();
  const isFramed = OF_ONE_PHOTO.some((name) => shown[name] !== facts.defaults[name]);
  if (!isFramed || now.returning || faultOf(file)) return acceptFile(file);
  framed = Object.fromEntries(OF_ONE_PHOTO.map((name) => [name, shown[name]]));
  const plain = Object.fromEntries(OF_ONE_PHOTO.map((name) => [name, facts.defaults[name]]));
  bringBack({ file, settings: { ...shown, ...plain } });
  return false;
}

export function beginHand() {
  const hand = $("hand");
  $("by-hand").addEventListener("click", enter);
  $("hand-done").addEventListener("click", leave);
  $("hand-reset").addEventListener("click", reset);
  $("hand-shape").addEventListener("change", ({ target }) => {
    change(crop.keepShape(values(), target.checked));
    commit();
  });
  for (const way of ["undo", "redo"]) $(`hand-${way}`).addEventListener("click", () => $(way).click());
  for (const radio of radios()) radio.addEventListener("change", () => hold(radio.value));
  hand.addEventListener("pointerdown", press);
  hand.addEventListener("pointermove", follow);
  for (const end of ["pointerup", "pointercancel"]) hand.addEventListener(end, release);
  hand.addEventListener("wheel", turn, { passive: false });
  hand.addEventListener("keydown", steer);
  document.addEventListener("keydown", leaveByKey, true);
  new ResizeObserver(draw).observe($("frame"));
  onPhoto(letGo);
  onMessage(hear);
  onSettings(draw);
  onSpeak(draw);
  beforeTaking(settle);
}
