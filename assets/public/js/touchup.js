// Touching up: a bar with the brushes in the place of the backgrounds, and every stroke worked into the result.
import { runAgain } from "./bridge.js";
import { $, announce, closeNotice, root, showBriefly, write } from "./dom.js";
import { beforeTaking } from "./download.js";
import { deedOf, isAlone, wayOf } from "./keys.js";
import { addPick, addStroke, copyMarks, dropStroke, giveMarksBack, lastPick, redoStroke, undoAll, undoStroke } from "./marks.js";
import { boundSize, nextSize } from "./painting.js";
import { onMessage, onPhoto, receive, whenOver } from "./photo.js";
import { beginPick, clickMeaning, drawClicks, isPicking, pickAt } from "./pick.js";
import { isTouching, isWorking, now } from "./state.js";
import { beginStroke, beginStrokes, brush, brushPoint, cancelStroke, drawBrush, endStroke, hasRim, hideBrush, moveBrush, renewStrokes, showUntilThere, stepBrush } from "./strokes.js";
import { onSpeak, say } from "./words.js";

const watchers = []; // of the photo's marks

export function onMarks(watcher) {
  watchers.push(watcher);
}

// ---- the result follows ---------------------------------------------------------------------------------------------

function run() {
  receive({ state: "working", run: now.run, step: "finishing" });
  runAgain();
}

function tell() {
  for (const watcher of watchers) watcher(now.photo);
  renewStrokes();
  draw();
}

function changed() {
  tell();
  run();
}

// Whether what is on the screen lacks a stroke, or the frame that it is to have.
function isBehind() {
  if (!now.result) return false;
  const { change, whole, left_out: leftOut } = now.result;
  return now.photo.touch.change !== change || (isTouching() ? !whole : leftOut);
}

// Whether the result has every stroke, once it is there.
export async function whenSettled() {
  while (isBehind()) {
    if (!isWorking()) run();
    if (!await whenOver()) return false;
  }
  return Boolean(now.result);
}

const isFramed = () => now.result && (now.result.left_out || !now.result.whole);

// What is taken along has every stroke, and its frame.
function settle() {
  if (isFramed()) leave();
  if (!isBehind()) return false;
  if (!isWorking()) run();
  return true;
}

// ---- strokes --------------------------------------------------------------------------------------------------------

export function finishStroke(isWhole) {
  if (!isWhole) return cancelStroke();
  const pieces = endStroke();
  $("strokes").focus({ preventScroll: true, focusVisible: false });
  if (!pieces) return;
  addStroke(now.photo.touch, now.result.photo_size, pieces);
  showUntilThere(pieces, now.photo.touch.change);
  changed();
}

function dab() {
  const point = brushPoint();
  if (!point) return stepBrush(0, 0);
  if (brush.kind === "pick") return pickAt(point);
  beginStroke(point);
  finishStroke(true);
  announce(say(`page.touch.did.${brush.kind}`));
}

function takePick(pick, takesPlace) {
  addPick(now.photo.touch, now.result.photo_size, pick, takesPlace);
  changed();
  announce(say(`page.touch.picked.${pick.kind}`));
}

function change(how, word) {
  how(now.photo.touch);
  changed();
  announce(say(word));
}

const canUndo = () => now.photo?.touch.done.length > 0;
const canRedo = () => now.photo?.touch.undone.length > 0;
const undo = () => canUndo() && change(undoStroke, "page.touch.undone");
const redo = () => canRedo() && change(redoStroke, "page.touch.redone");

// ---- what a file brings ---------------------------------------------------------------------------------------------

let trial = null; // {before, words, change}: until the result has it

// `how` changes the photo's marks, or its trimap: where the server refuses that, all is as before, else it can be taken
// back. `words` say that it is there. It is worked into the result now, or as soon as its file has been sent.
export function tryOut(how, words, isHere = true) {
  const before = copyMarks(now.photo);
  how(now.photo);
  trial = { before, words, change: now.photo.touch.change };
  if (isHere) changed();
  else tell();
}

function giveBack(before, change) {
  giveMarksBack(now.photo, before, change);
  tell();
}

function acceptTrial() {
  const [{ before, words }, { touch }] = [trial, now.photo];
  trial = null;
  const takeBack = () => {
    if (touch !== now.photo?.touch) return;
    closeNotice();
    giveBack(before, touch.change + 1);
    run();
  };
  showBriefly(words(), { text: say("page.undo"), does: takeBack });
}

function refuseTrial() {
  const { before } = trial;
  trial = null;
  giveBack(before, before.touch.change);
}

// ---- the bar --------------------------------------------------------------------------------------------------------

export function resizeBrush(way) {
  setSize(nextSize(brush.size, way));
}

function setSize(size) {
  brush.size = boundSize(size);
  $("touch-size").value = brush.size;
  drawBrush();
}

function draw() {
  $("touch-undo").disabled = !canUndo();
  $("touch-redo").disabled = !canRedo();
  $("touch-reset").disabled = !canUndo();
  $("touch-count").hidden = !canUndo();
  write($("touch-count"), canUndo() ? String(now.photo.touch.done.length) : "");
  const isTrimap = Boolean(now.photo?.trimap);
  const paints = ["keep", "erase"].includes(brush.kind);
  for (const radio of document.querySelectorAll("input[name=touch-how]")) radio.disabled = isTrimap || !paints;
  $("touch-hows").hidden = isPicking();
  $("touch-clicks").hidden = !isPicking();
  drawClicks();
  $("touch-soft-part").hidden = !hasRim();
  $("touch-size").disabled = isPicking();
  const meaning = clickMeaning();
  const way = isPicking() ? (meaning === "new" ? "" : `.${meaning}`) : isTrimap ? ".trimap" : !paints ? "" : brush.exact ? ".exact" : ".smart";
  write($("touch-hint"), say(now.result?.left_out ? "page.touch.left_out" : `page.touch.hint.${brush.kind}${way}`));
  root.dataset.brush = brush.kind;
}

// ---- the mode -------------------------------------------------------------------------------------------------------

function enter() {
  if (root.dataset.nothing === "true") showFaint(true); // there is nothing else to see
  show(true);
  $("stage").scrollIntoView({ block: "nearest" });
  if (!now.result.whole) run();
  $("strokes").focus({ preventScroll: true, focusVisible: false });
}

function showFaint(shown) {
  $("touch-faint").checked = shown;
  root.toggleAttribute("data-faint", shown);
}

const brushes = () => [...document.querySelectorAll("input[name=touch-kind]")];

function chooseBrush(kind) {
  const picked = brush.kind === "pick";
  brush.kind = kind;
  for (const radio of brushes()) radio.checked = radio.value === kind;
  if (picked !== (kind === "pick")) showFaint(!picked); // what is gone must be seen to be pointed at
  drawBrush();
  draw();
}

function leave() {
  if (!isTouching()) return;
  show(false);
  if (isFramed()) run();
  $($("touch").checkVisibility() ? "touch" : "nothing-touch").focus({ preventScroll: true });
}

function show(touching) {
  now.touching = touching;
  root.toggleAttribute("data-touching", touching);
  $("touch").setAttribute("aria-expanded", touching);
  cancelStroke();
  if (!touching) hideBrush();
  renewStrokes();
  draw();
}

// A photo that comes or goes, or models side by side: the brush is laid down, and nothing is asked for.
function layDown() {
  trial = null;
  chooseBrush("keep");
  show(false);
}

function follow({ state, code, comparing, change }) {
  if (comparing && isTouching()) layDown();
  if (trial && state === "done" && change === trial.change) acceptTrial();
  if (trial && state === "error") refuseTrial();
  else if (state === "error" && code === "bad_marks") {
    dropStroke(now.photo.touch);
    for (const watcher of watchers) watcher(now.photo);
  }
  root.toggleAttribute("data-marking", isTouching() && isBehind());
  renewStrokes();
  draw();
}

// ---- keys -----------------------------------------------------------------------------------------------------------

// Before the page's own undo, as long as the brush is in the hand.
function steer(event) {
  if (!isTouching() || !$("touch-bar").checkVisibility()) return;
  const deed = deedOf(event, { undo, redo, leave, resize: resizeBrush });
  if (!deed) return;
  event.preventDefault();
  event.stopPropagation();
  deed();
}

function paintByKey(event) {
  const [{ key }, way] = [event, wayOf(event, brush.size)];
  if (!isAlone(event) || !(way || key === "Enter" || key === " ")) return;
  event.preventDefault();
  if (way) stepBrush(...way);
  if (key === "Enter") dab();
}

let pressed = false; // whether the hand has used the picture since Space went down, as it does to move it

function watchSpace() {
  $("strokes").addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) pressed = false; });
  $("frame").addEventListener("pointerdown", () => { pressed = true; }, true);
  $("strokes").addEventListener("keyup", ({ key }) => { if (key === " " && !pressed) dab(); });
}

export function beginTouchUp() {
  beginStrokes();
  beginPick(takePick);
  watchSpace();
  for (const id of ["touch", "nothing-touch"]) $(id).addEventListener("click", enter);
  $("touch-done").addEventListener("click", leave);
  $("touch-undo").addEventListener("click", undo);
  $("touch-redo").addEventListener("click", redo);
  $("touch-reset").addEventListener("click", () => change(undoAll, "page.touch.all_undone"));
  $("touch-faint").addEventListener("change", ({ target }) => showFaint(target.checked));
  $("touch-size").addEventListener("input", ({ target }) => {
    setSize(target.valueAsNumber);
    stepBrush(0, 0); // so that the size is seen
  });
  $("touch-soft").addEventListener("input", ({ target }) => {
    brush.soft = target.valueAsNumber / 100;
    stepBrush(0, 0);
  });
  for (const radio of brushes()) radio.addEventListener("change", () => chooseBrush(radio.value));
  for (const radio of document.querySelectorAll("input[name=touch-how]")) {
    radio.addEventListener("change", () => {
      brush.exact = radio.value === "exact";
      draw();
    });
  }
  for (const radio of document.querySelectorAll("input[name=touch-click]")) radio.addEventListener("change", draw);
  document.addEventListener("keydown", steer, true);
  $("strokes").addEventListener("keydown", paintByKey);
  onPhoto(layDown);
  onMessage(follow);
  onSpeak(draw);
  beforeTaking(settle);
  setSize(brush.size);
}
