// The seam between page and Gradio; its other half is ui/bridge.py. Nothing else in the page knows Gradio's upload, the
// buttons that nobody sees, or in which order the values of an event come.
import { facts, now, photoFacts } from "./state.js";

const { options: names, elements } = facts;

// ---- what the page asks of Gradio -----------------------------------------------------------------------------------

const press = (id) => document.getElementById(id).click();

export const applySettings = () => press("restore"); // sets the controls to `wantedSettings`, and runs
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

// ---- a photo comes, or a picture for behind ---------------------------------------------------------------------------

const PICTURES = "image/*,.heic,.heif,.avif,.tif,.tiff";
const input = () => document.querySelector("#input input[type=file]");
const inputBehind = () => document.querySelector("input[type=file]:has(+ #behind)");

export const focusChooser = () => document.querySelector("#input button").focus();

// A browser tells of no change where the same file is chosen again.
export const clearChooser = () => { input().value = ""; };

export function giveFile(file) {
  const one = new DataTransfer();
  one.items.add(file);
  input().files = one.files;
  input().dispatchEvent(new Event("change", { bubbles: true }));
}

// `accepts` hears of a file before Gradio does, and may keep it back.
function watchChooser(chooser, accepts) {
  chooser().accept = PICTURES;
  document.addEventListener("change", (event) => {
    if (event.target !== chooser() || !event.target.files.length || accepts(event.target.files[0])) return;
    event.stopImmediatePropagation();
    event.target.value = "";
  }, true);
}

// Gradio sends the files; where that fails it says so in its own words only, so the answer is listened to here.
// An upload that is no longer wanted never ends, so that nothing is made of it.
function watchUploads({ photo, behind }) {
  const send = window.fetch;
  window.fetch = async (...request) => {
    if (!/\/upload(\?|$)/.test(String(request[0]?.url ?? request[0]))) return send(...request);
    const isBehind = request[1].body.get("files") === now.behind;
    const [which, hear] = isBehind ? ["behind", behind] : ["photo", photo];
    const given = now[which];
    try {
      const answer = await send(...request);
      if (given !== now[which]) return new Promise(() => {});
      if (!answer.ok) hear.uploadFailed(await answer.clone().json().catch(() => ({})));
      return answer;
    } catch (error) {
      if (given !== now[which]) return new Promise(() => {});
      hear.connectionFailed();
      throw error;
    }
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
  "#language", "#theme", "#about-box", "#examples", "#tab-photo", "#models-list", "#tiles", "#compare-run", "#ask-models",
  "#compare-choice", "#backdrops", "#kept", "#respeak", "#restore", "#undo", "#preset-chips", "#views", "#closeup", "#group-file", "#behind", "#forget"];

export async function allIsDrawn() {
  while (!PIECES.every((piece) => document.querySelector(piece))) await new Promise((look) => setTimeout(look, 20));
}

// The functions that the events of ui/bridge.py call, as `window.clearcut`. What they return takes the place of the
// event's values, in their order. `page` answers for the page, in the page's own terms.
export function connect(page) {
  const withPhoto = ([, upload, behind, ...values]) => {
    page.hearSettings(asSettings(values));
    return [photoFacts(markOf(behind)), upload, behind, ...values];
  };
  window.clearcut = {
    show: page.show,
    withPhoto,
    withModels: ([, ...given]) => [JSON.stringify(page.modelsToCompare()), ...withPhoto(given)],
    withLanguage: (model, keep) => [model, now.language, keep],
    rememberedSettings: async () => asArray(await page.rememberedSettings()),
    wantedSettings: (live) => asArray(page.wantedSettings(asSettings(live))),
    lastSettings: () => [fileOf(page.lastPictureBehind()), ...asArray(page.lastSettings())],
    language: () => [now.language],
    switchLanguage: () => {
      page.switchLanguage();
      return [now.language];
    },
  };
  facts.connected();
}

// `photo` and `behind` each hear of their files: accepts, uploadFailed, connectionFailed.
export function watch({ photo, behind }) {
  watchChooser(input, photo.accepts);
  watchChooser(inputBehind, behind.accepts);
  watchUploads({ photo, behind });
}
