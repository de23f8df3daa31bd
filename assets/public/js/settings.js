// The settings as a whole: presets, undo, reset, what is remembered in this browser, and which controls have something to do.
import { applySettings, choosePictureBehind, setIdle, stopWork, watchNumbers } from "./bridge.js";
import { $, isTyping, make, makeChip, root } from "./dom.js";
import { facts, installedModels, models, now, recall, remember } from "./state.js";
import { onSpeak, say } from "./words.js";

const { options: names, defaults, when, groups, presets, limits, canvases, canvas_backgrounds: canvasBackgrounds } = facts;
const SAME_MOVE = 1200; // ms: changes of one control that follow this fast are one change
const TO_BECOME = 3000; // ms in which the controls have become what they are to be

let values = null; // as the controls have them
let wanted = null; // what they are to become
let wantedSince = 0;
let amended = null; // of `wanted` what alone was asked for: the rest stays as the controls have it then
const watchers = []; // of the settings, whoever sets them
const arrivals = []; // what waits until the controls are what they are to be
const past = []; // what they were before each change
const future = []; // what was undone since the last
let plain = defaults.background; // the last background that was no picture of one's own
let last = { name: null, time: 0 }; // the newest change: of which option (null: of several), and when
let tellBegun, tellRecalled;
const begun = new Promise((done) => { tellBegun = done; });

// Once Gradio has been told what this browser had last.
export const recalled = new Promise((done) => { tellRecalled = done; });

const initial = () => ({ ...defaults, model: now.model ?? defaults.model });
const current = () => values ?? initial();
export const shownSettings = () => wanted ?? current();
export const chosenModel = () => shownSettings().model;
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const changed = (from, to) => names.filter((name) => !same(from[name], to[name]));

// ---- what a change does ---------------------------------------------------------------------------------------------

// Told of the controls' values whenever they are sent.
export function hearSettings(next) {
  const time = performance.now();
  const arrived = wanted !== null && same(wanted, next);
  if (wanted !== null && !arrived && time - wantedSince < TO_BECOME) return; // a slider's last word from before
  const before = current();
  const moved = changed(before, next);
  values = next;
  wanted = amended = null;
  for (const arrive of arrivals.splice(0)) arrive();
  if (moved.length) {
    const name = moved.length === 1 && !arrived ? moved[0] : null;
    if (!arrived && !(name && name === last.name && time - last.time < SAME_MOVE)) past.push(before);
    if (!arrived) future.length = 0;
    last = { name, time };
    remember("settings", JSON.stringify(next));
    if (!arrived) follow(name, next);
  }
  draw();
}

// What goes with a choice: a picture for behind, the background colour that a canvas asks for.
function follow(name, next) {
  if (name === "background" && next.background === "image") choosePictureBehind();
  const colour = name === "canvas" ? canvasBackgrounds[next.canvas] : null;
  if (colour && !(next.background === "color" && next.background_color === colour)) {
    become({ ...next, background: "color", background_color: colour }, false);
  }
}

function draw() {
  const shown = shownSettings();
  for (const [name, needs] of Object.entries(when)) {
    setIdle(name, !Object.entries(needs).every(([other, at]) => at.includes(shown[other])));
  }
  root.dataset.behind = shown.background;
  if (shown.background !== "image") plain = shown.background;
  const off = changed(initial(), shown);
  for (const group of new Set(Object.values(groups))) {
    $(`group-${group}`)?.classList.toggle("touched", off.some((name) => groups[name] === group));
  }
  $("undo").disabled = past.length === 0;
  $("redo").disabled = future.length === 0;
  $("reset").disabled = off.filter((name) => name !== "model").length === 0;
  for (const chip of $("preset-chips").children) {
    chip.setAttribute("aria-pressed", same({ ...shown, ...presetOf(chip.dataset.name) }, shown) && off.length > 0);
  }
  for (const watcher of watchers) watcher();
}

export function onSettings(watcher) {
  watchers.push(watcher);
}

// ---- changes of several at once -------------------------------------------------------------------------------------

function become(next, isChange = true) {
  if (isChange) keepPast(shownSettings());
  wanted = next;
  wantedSince = performance.now();
  last = { name: null, time: 0 };
  amended = null;
  applySettings();
  draw();
}

// Changes these alone. A slider that moves meanwhile keeps what it has come to, even if nobody has been told yet.
export function amend(changes) {
  const before = shownSettings();
  if (same({ ...before, ...changes }, before)) return;
  const whole = wanted !== null && amended === null && performance.now() - wantedSince < TO_BECOME; // a preset is on its way
  keepPast(before);
  wanted = { ...before, ...changes };
  wantedSince = performance.now();
  last = { name: null, time: 0 };
  amended = whole ? null : { ...amended, ...changes };
  applySettings();
  draw();
}

function keepPast(before) {
  past.push(before);
  future.length = 0;
}

// The picture for behind is none: back to the background before it, as if none had been asked for.
export function leavePictureBehind() {
  if (shownSettings().background !== "image") return;
  amend({ background: plain });
  past.pop();
  forgetSteps(shownSettings());
}

const presetOf = (name) => ({ ...defaults, ...presets[name], model: current().model, keep: current().keep });

function step(from, to) {
  if (!from.length) return;
  to.push(shownSettings());
  become(from.pop(), false);
}

const undo = () => step(past, future);
const redo = () => step(future, past);
const reset = () => become({ ...defaults, model: current().model, keep: [] });

// Gradio asks what the controls are to become.
export function wantedSettings(live) {
  if (wanted && amended) wanted = { ...live, ...amended };
  return wanted ?? current();
}

// Gradio has been told, and may send what it had before all the same.
export function restoredSettings(live) {
  const [before, after] = [current(), wantedSettings(live)];
  return Object.fromEntries(names.map((name) => [name, (same(live[name], before[name]) ? after : live)[name]]));
}

// A step that would lead to where one is already is none.
function forgetSteps(shown) {
  for (const steps of [past, future]) while (steps.length && same(steps.at(-1), shown)) steps.pop();
}

// "Not now" and Cancel: back to the settings of the result that is shown, else to a model that is here.
export function lastSettings() {
  const shown = now.result ?? now.earlier?.result;
  const here = installedModels().find((model) => model.commercial_use !== "no");
  const settings = shown ? shown.options : { ...current(), model: here?.name ?? now.model, keep: [] };
  values = Object.fromEntries(names.map((name) => [name, settings[name]]));
  wanted = amended = null;
  forgetSteps(values);
  remember("settings", JSON.stringify(values));
  draw();
  return values;
}

// A value that cannot be obeyed: back to what the result on the screen has, else to the option's own default.
export function takeBack(name) {
  if (now.result ?? now.earlier) stopWork();
  else if (name in defaults) amend({ [name]: defaults[name] });
}

// As a photo had them that comes back. The promise is kept once the controls have them.
export function restoreSettings(settings) {
  become({ ...shownSettings(), ...settings }, false);
  return new Promise((done) => {
    arrivals.push(done);
    setTimeout(done, TO_BECOME);
  });
}

// ---- what this browser had last -------------------------------------------------------------------------------------

function isWithin({ enum: choices, minimum = -Infinity, maximum = Infinity, maxLength = Infinity }, value) {
  if (choices && !choices.includes(value)) return false;
  return typeof value === "number" ? value >= minimum && value <= maximum : (value?.length ?? 0) <= maxLength;
}

// Gradio asks when it loads: what was remembered, as far as it still can be.
export async function rememberedSettings() {
  await begun;
  let kept = {};
  try {
    kept = JSON.parse(recall("settings") ?? "{}");
  } catch { /* not ours */ }
  const fits = (name) => name in kept && typeof kept[name] === typeof defaults[name] && isWithin(limits[name], kept[name]);
  if (!/^\d/.test(kept.canvas) && !(kept.canvas in canvases)) delete kept.canvas;
  const known = Object.fromEntries(names.filter(fits).map((name) => [name, kept[name]]));
  if (known.model !== facts.automatic && !models[known.model]?.installed) delete known.model;
  if (known.background === "image") delete known.background; // the picture itself is not kept
  values = { ...initial(), ...known, keep: [] };
  now.model = values.model;
  draw();
  tellRecalled();
  return values;
}

// ---- the page -------------------------------------------------------------------------------------------------------

function addPresets() {
  $("preset-chips").replaceChildren(...Object.keys(presets).map((name) => {
    const chip = makeChip("", () => become(presetOf(name)));
    chip.dataset.name = name;
    return chip;
  }));
}

function tellNearest(block, range) {
  const line = block.querySelector(".nearest") ?? make("p", { className: "nearest" });
  line.setAttribute("role", "status");
  if (!line.parentElement) block.append(line);
  line.textContent = range ? say("page.nearest", range) : "";
}

function addFolds() {
  for (const head of document.querySelectorAll(".fold-head")) {
    head.addEventListener("click", () => {
      const open = head.getAttribute("aria-expanded") !== "true";
      head.setAttribute("aria-expanded", open);
      head.closest(".fold").classList.toggle("open", open);
    });
  }
}

// A button that has nothing more to do is hidden: the focus goes to the next that has.
function addSteps() {
  const buttons = { undo, redo, reset };
  for (const [id, does] of Object.entries(buttons)) {
    $(id).addEventListener("click", () => {
      does();
      if ($(id).disabled) $(Object.keys(buttons).find((other) => !$(other).disabled))?.focus();
    });
  }
}

function stepByKey(event) {
  const { key, ctrlKey, metaKey, altKey, shiftKey, target } = event;
  if (!(ctrlKey || metaKey) || altKey || isTyping(target)) return;
  const does = { z: shiftKey ? redo : undo, y: redo }[key.toLowerCase()];
  if (!does || !$("presets").checkVisibility() || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  does();
}

export function beginSettings() {
  addPresets();
  addFolds();
  watchNumbers(tellNearest);
  addSteps();
  document.addEventListener("keydown", stepByKey);
  onSpeak(() => { for (const chip of $("preset-chips").children) chip.textContent = say(`preset.${chip.dataset.name}`); });
  draw();
  tellBegun();
}
