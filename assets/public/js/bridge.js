// The seam between page and Gradio; its other half is ui/bridge.py. Nothing else in the page knows Gradio's upload, the
// buttons that nobody sees, or in which order the values of an event come.
import { PICTURES } from "./files.js";
import { sendTelling } from "./sending.js";
import { facts, now, photoFacts } from "./state.js";

const { options: names, elements } = facts;

// ---- what the page asks of Gradio -----------------------------------------------------------------------------------

const press = (id) => document.getElementById(id).click();

export const applySettings = () => press("restore"); // sets the controls to `wantedSettings`, and runs
export const runAgain = () => press("rerun"); // with the settings as they are
export const stopWork = () => press("kept"); // and sets the controls to `lastSettings`
export const cancelWork = () => press("cancel"); // the same, by the button that the visitor has
export const compareModels = () => press("compare-run");
export const forgetEverything = () => press("forget");
export const renewWords = () => press("respeak"); // in the parts that Gradio draws: the model menu among them
export const choosePictureBehind = () => press("behind");
export const declineQuestion = () => press("later");

// Gradio's own handler for the button comes first: it still wants to know what is shown.
export const onCancel = (cancelled) => document.getElementById("cancel").addEventListener("click", () => setTimeout(cancelled));

// Shows or hides the control of an option, with its label.
export function setIdle(option, idle) {
  document.getElementById(elements[option])?.closest(".block")?.classList.toggle("idle", idle);
}

function nearestOf({ min, max, value }) {
  const [minimum, maximum, typed] = [min, max, value].map(Number);
  const nearest = Math.min(Math.max(typed, minimum), maximum);
  return nearest === typed ? null : { minimum, maximum, value: nearest };
}

// A typed number beyond what a control takes becomes the nearest that it does. Gradio hears of that alone: of the other it
// would make an error. `tell` hears of every number that was typed: what it became, if another, and beside what to say so.
export function watchNumbers(tell) {
  const panel = document.getElementById("panel");
  const isTyped = ({ type, value }) => type === "number" && value !== "";
  panel.addEventListener("input", (event) => {
    if (isTyped(event.target) && nearestOf(event.target)) event.stopImmediatePropagation();
  }, true);
  panel.addEventListener("change", ({ target }) => {
    if (!isTyped(target)) return;
    const nearest = nearestOf(target);
    if (nearest) {
      target.value = nearest.value;
      target.dispatchEvent(new Event("input", { bubbles: true }));
    }
    tell(target.closest(".block"), nearest);
  }, true);
}

// ---- dropdowns ------------------------------------------------------------------------------------------------------
// Gradio opens a list as soon as it gets the focus, takes any key for a letter to search by, and lets the focus go once
// something is chosen. Here they do what comboboxes do: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
const TO_AN_END = ["Home", "End"];
const OPENING = ["ArrowDown", "ArrowUp", "Enter", ...TO_AN_END];
const EDITING = ["Backspace", "Delete"];

const isCombobox = (element) => element.matches("[role=combobox]");
const isListOpen = (combobox) => combobox.ariaExpanded === "true";
const pressKey = (combobox, key) => combobox.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const optionsOf = (combobox) => [...combobox.closest(".block").querySelectorAll("[role=option]")];
const activeAt = (combobox) => optionsOf(combobox).findIndex(({ id }) => id === combobox.getAttribute("aria-activedescendant"));

const told = new Set(); // comboboxes of which Gradio knows that they have the focus
let chosenIn = null; // the one where something has just been chosen: Gradio is about to take the focus from it

function openList(combobox) {
  told.add(combobox);
  combobox.dispatchEvent(new FocusEvent("focus"));
}

function moveActive(combobox, step) {
  const at = activeAt(combobox);
  const to = Math.min(Math.max(at + step, 0), optionsOf(combobox).length - 1);
  for (let count = Math.abs(to - at); count > 0; count -= 1) pressKey(combobox, to > at ? "ArrowDown" : "ArrowUp");
}

// To the next option that begins with a letter.
function seek(combobox, letter) {
  const [options, at] = [optionsOf(combobox), activeAt(combobox)];
  const begins = ({ ariaLabel }) => ariaLabel.toLowerCase().startsWith(letter.toLowerCase());
  const next = [...options.slice(at + 1), ...options.slice(0, at + 1)].find(begins);
  if (next) moveActive(combobox, options.indexOf(next) - at);
}

function steerClosed(combobox, key) {
  openList(combobox);
  if (TO_AN_END.includes(key) || (key.length === 1 && key !== " ")) setTimeout(() => steerOpen(combobox, key)); // once it is drawn
}

function steerOpen(combobox, key) {
  if (key in STEPS) return moveActive(combobox, STEPS[key]);
  if (key === "Escape") return pressKey(combobox, "Escape");
  if (key !== " ") return seek(combobox, key);
  chosenIn = combobox;
  pressKey(combobox, "Enter");
}

// What Gradio may hear: text for it to search by where the list can be searched, and Enter for what is to be chosen.
function isForGradio(combobox, key, isText) {
  if (key === "Enter") return isListOpen(combobox) || (!combobox.readOnly && told.has(combobox));
  return !combobox.readOnly && (isText || EDITING.includes(key));
}

function steerByKey(event) {
  const { target: combobox, key, isTrusted, altKey, ctrlKey, metaKey } = event;
  if (!isTrusted || !isCombobox(combobox)) return;
  const isText = key.length === 1 && !altKey && !ctrlKey && !metaKey;
  const isOpen = isListOpen(combobox);
  chosenIn = null;
  if (isForGradio(combobox, key, isText)) {
    if (key === "Enter") chosenIn = combobox;
    else if (!isOpen) openList(combobox);
    return;
  }
  event.stopImmediatePropagation();
  if (!combobox.readOnly && TO_AN_END.includes(key)) return; // of the text
  if (!isText && !(isOpen ? key in STEPS || key === "Escape" : OPENING.includes(key))) return;
  event.preventDefault();
  (isOpen ? steerOpen : steerClosed)(combobox, key);
}

function steerByPointer({ target: combobox }) {
  if (!isCombobox(combobox)) return;
  if (isListOpen(combobox)) return combobox.readOnly && pressKey(combobox, "Escape");
  openList(combobox);
  if (!combobox.readOnly) combobox.select(); // what is typed now takes its place
}

// A key that Gradio had not done with when the focus went has opened it again.
function closeLeft(combobox) {
  if (combobox !== document.activeElement && isListOpen(combobox)) pressKey(combobox, "Escape");
}

// Gradio hears of a focus that goes only where it has heard of it.
function leave(event) {
  const { target: combobox } = event;
  if (!isCombobox(combobox)) return;
  if (!told.delete(combobox)) event.stopPropagation();
  else if (combobox === chosenIn) queueMicrotask(() => combobox.focus({ preventScroll: true }));
  else setTimeout(() => closeLeft(combobox));
}

function mendDropdowns() {
  const panel = document.getElementById("panel");
  panel.addEventListener("focus", (event) => { if (event.isTrusted && isCombobox(event.target)) event.stopPropagation(); }, true);
  panel.addEventListener("blur", leave, true);
  panel.addEventListener("input", ({ target }) => { if (isCombobox(target) && !isListOpen(target)) openList(target); }, true); // pasted
  panel.addEventListener("keydown", steerByKey, true);
  panel.addEventListener("keydown", ({ key }) => {
    const picked = key === "Escape" && panel.querySelector(".dialog-button:has(+ .color-picker)");
    if (!picked) return;
    picked.click();
    picked.focus();
  });
  panel.addEventListener("scroll", ({ target }) => { // Gradio moves an open list where the window scrolls only
    if (!target.matches("[role=listbox]")) window.dispatchEvent(new Event("scroll"));
  }, true);
  panel.addEventListener("click", steerByPointer);
  panel.addEventListener("click", ({ target }) => { // a picker of colours opens below its button, however low that is
    if (target.matches(".dialog-button")) setTimeout(() => target.nextElementSibling?.scrollIntoView({ block: "nearest" }));
  });
  document.addEventListener("mousedown", ({ target }) => {
    chosenIn = target.closest("#panel [role=option]")?.closest(".block").querySelector("[role=combobox]") ?? null;
  }, true);
}

// ---- a photo comes, or a picture for behind ---------------------------------------------------------------------------

const PATIENCE = 5000; // milliseconds
const input = () => document.querySelector("#input input[type=file]");
const inputBehind = () => document.querySelector("input[type=file]:has(+ #behind)");
const inputTrimap = () => document.querySelector("input[type=file]:has(+ #trimap-file)");

export const focusChooser = () => document.querySelector("#input button").focus();

// A browser tells of no change where the same file is chosen again.
export const clearChooser = () => { input().value = ""; };

function give(chooser, file) {
  const one = new DataTransfer();
  one.items.add(file);
  chooser.files = one.files;
  chooser.dispatchEvent(new Event("change", { bubbles: true }));
}

// What goes with the photo, and may have gone from the server with it, is sent anew.
export function giveFile(file) {
  trimapThere = null;
  give(input(), file);
}

export const giveTrimap = (file) => give(inputTrimap(), file);

export function chooseTrimap() {
  inputTrimap().value = "";
  press("trimap-file");
}

let trimapComing = null; // the file that is on its way
let trimapThere = null; // {file, path}: that the server has
let behindCame = null;
const filesBehind = new Map(); // by the path that the server has given each

export const fileBehind = (mark) => filesBehind.get(mark?.file);

// The promise is kept once Gradio has the picture, or after a while without it.
export function giveBehind(file) {
  give(inputBehind(), file);
  return new Promise((done) => {
    behindCame = done;
    setTimeout(done, PATIENCE);
  });
}

// `accepts` hears of a file before Gradio does, and may keep it back. Gradio never hears of several: `acceptsSeveral` does,
// where several may be chosen.
function watchChooser(chooser, { accepts, acceptsSeveral }) {
  const allow = () => { if (chooser().multiple !== Boolean(acceptsSeveral)) chooser().multiple = Boolean(acceptsSeveral); };
  chooser().accept = PICTURES;
  allow();
  new MutationObserver(allow).observe(chooser(), { attributeFilter: ["multiple"] }); // Gradio takes it back in another language
  document.addEventListener("change", (event) => {
    if (event.target !== chooser() || !event.target.files.length) return;
    const files = [...event.target.files];
    if (files.length === 1 && accepts(files[0])) return;
    event.stopImmediatePropagation();
    event.target.value = "";
    if (files.length > 1) acceptsSeveral(files);
  }, true);
}

// Gradio sends the files, then what is to be done with them; where that fails it says so in its own words only, so the
// answer is listened to here, as long as what it is about is wanted.
async function listen(sent, hear, isWanted) {
  try {
    const answer = await sent;
    if (isWanted() && !answer.ok) hear.uploadFailed(await answer.clone().json().catch(() => ({})));
    return answer;
  } catch (error) {
    if (isWanted()) hear.connectionFailed();
    throw error;
  }
}

async function keepPath(which, file, sent) {
  if (which === "trimap") trimapComing = file;
  const answer = await sent.finally(() => { trimapComing = null; });
  const path = answer.ok && (await answer.clone().json())[0];
  if (path && which === "behind") filesBehind.set(path, file);
  if (path && which === "trimap") trimapThere = { file, path };
  return answer;
}

const given = { photo: () => now.photo, behind: () => now.behind, trimap: () => now.photo?.trimap };

// An upload that is no longer wanted never ends, so that nothing is made of it. Deeds go one after another, so that of two
// settings the later arrives last, and always end: Gradio tells of no other move of a slider before.
function watchSending(hear) {
  const send = window.fetch;
  let before = Promise.resolve();
  window.fetch = (...request) => {
    const { pathname } = new URL(request[0]?.url ?? request[0], location);
    const isFile = pathname.endsWith("/upload");
    if (!isFile && !pathname.endsWith("/queue/join")) return send(...request);
    const file = isFile ? request[1].body.get("files") : null;
    const which = ["behind", "trimap"].find((name) => file && given[name]() === file) ?? "photo";
    const about = given[which]();
    const isWanted = () => given[which]() === about;
    const tell = ({ done, total }) => isWanted() && hear.sent(Math.floor(100 * done / Math.max(1, total)));
    const sent = isFile ? sendTelling(...request, tell) : before.then(() => send(...request));
    if (!isFile) before = sent.catch(() => {});
    const answer = listen(sent, hear[which], isWanted);
    const heard = which === "photo" ? answer : keepPath(which, file, answer);
    return isFile ? heard.finally(() => isWanted() || new Promise(() => {})) : heard;
  };
}

// The picture for behind as messages bear it, and as Gradio takes it.
const markOf = (file) => file && { file: file.path, name: file.orig_name };
const fileOf = (mark) => mark && { path: mark.file, orig_name: mark.name, meta: { _type: "gradio.FileData" } };

// ---- what Gradio asks of the page -----------------------------------------------------------------------------------

const asArray = (settings) => names.map((name) => settings[name]);
const asSettings = (values) => Object.fromEntries(names.map((name, at) => [name, values[at]]));

// Gradio draws the page piece by piece, in no order that one could rely on.
const PIECES = ["#input input[type=file]", "#stage", "#cancel", "#fetch", "#later", "#model-facts", "#download", "#notice",
  "#language", "#theme", "#about-box", "#examples", "#tab-photo", "#models-list", "#batch-list", "#batch-bar", "#video", "#tiles", "#compare-run", "#ask-models",
  "#compare-choice", "#backdrops", "#kept", "#respeak", "#restore", "#rerun", "#undo", "#touch-bar", "#hand-bar", "#preset-chips", "#views", "#zoom", "#group-file", "#behind", "#trimap-file", "#forget"];

export async function allIsDrawn() {
  while (!PIECES.every((piece) => document.querySelector(piece))) await new Promise((look) => setTimeout(look, 20));
}

// And in English, until the server has been told the language. Not longer than one would wait.
export async function wordsAreDrawn(word) {
  for (let tries = 100; tries && document.getElementById("language").textContent.trim() !== word; tries -= 1) await new Promise((look) => setTimeout(look, 20));
}

// The functions that the events of ui/bridge.py call, as `window.clearcut`. What they return takes the place of the
// event's values, in their order. `page` answers for the page, in the page's own terms.
export function connect(page) {
  const realModel = (model) => (model === facts.moreModels ? page.chosenModel() : model);
  const withPhoto = ([, upload, behind, sentTrimap, ...values]) => {
    const settings = asSettings(values);
    if (settings.model === facts.moreModels) {
      page.openModels();
      return [null, upload, behind, sentTrimap, ...asArray({ ...settings, model: page.chosenModel() })]; // without a photo nothing runs
    }
    page.hearSettings(settings);
    if (behind) behindCame?.();
    const { trimap } = now.photo ?? {};
    const isMissing = trimap && !(trimapThere?.file === trimap && trimapThere.path === sentTrimap?.path);
    if (isMissing && trimapComing !== trimap && !now.paused) giveTrimap(trimap); // and once it is there, it runs
    return [isMissing ? null : photoFacts(markOf(behind)), upload, behind, trimap ? sentTrimap : null, ...values];
  };
  const withRestored = (given) => {
    const [files, values] = [given.slice(0, -names.length), given.slice(-names.length)];
    return withPhoto([...files, ...asArray(page.restoredSettings(asSettings(values)))]);
  };
  const language = () => [now.language, page.chosenModel()];
  let heard = ""; // the last message: Gradio tells the end of a run twice
  const show = (message) => {
    const text = JSON.stringify(message);
    if (text !== heard) page.show(message);
    heard = text;
  };
  window.clearcut = {
    show,
    withPhoto,
    withRestored,
    withModels: ([, ...given]) => [JSON.stringify(page.modelsToCompare()), ...withPhoto(given)],
    withLanguage: (model, keep) => [realModel(model), now.language, keep],
    realModel: (model) => [realModel(model)],
    rememberedSettings: async () => asArray(await page.rememberedSettings()),
    wantedSettings: (live) => asArray(page.wantedSettings(asSettings(live))),
    lastSettings: () => [fileOf(page.lastPictureBehind()), ...asArray(page.lastSettings())],
    language: async () => {
      await page.recalled;
      return language();
    },
    switchLanguage: () => {
      page.switchLanguage();
      return language();
    },
  };
  facts.connected();
}

// `photo`, `behind` and `trimap` each hear of their files: accepts, acceptsSeveral, uploadFailed, connectionFailed; `sent` of
// how much of the file has gone, in percent.
export function watch(hear) {
  watchChooser(input, hear.photo);
  watchChooser(inputBehind, hear.behind);
  watchChooser(inputTrimap, hear.trimap);
  watchSending(hear);
  mendDropdowns();
}
