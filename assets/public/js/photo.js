// The Photo tab: a photo is given, the server says how far its cut-out is, and what came of it.
import { cancelWork, clearChooser, declineQuestion, fileBehind, focusChooser, forgetEverything, giveBehind, giveFile, onCancel } from "./bridge.js";
import { describeModel, renewModels } from "./catalog.js";
import { isAway, lookAfterServer, onReturn } from "./connection.js";
import { $, announce, isFilling, root, showBriefly, showNotice, write } from "./dom.js";
import { allowDownload, connectResult } from "./download.js";
import { isReadable } from "./files.js";
import { noMarks } from "./marks.js";
import { amend, restoreSettings, shownSettings, takeBack } from "./settings.js";
import { reveal, showPhoto, showResult } from "./stage.js";
import { facts, isWorking, models, newPhotoId, now } from "./state.js";
import { leaveWord } from "./store.js";
import { NOTHING, sayWarnings } from "./warnings.js";
import { knows, onSpeak, say, sayError, sayTime, titleOf } from "./words.js";

const ANNOUNCE_AFTER = 1000; // milliseconds of work

const watchers = []; // of messages: functions of other modules
const photoWatchers = []; // of the photo that comes, or null
const arrivals = []; // those that hear of each photo that is given

export function onMessage(watcher) {
  watchers.push(watcher);
}

export function onPhoto(watcher) {
  photoWatchers.push(watcher);
}

// The watcher is told whether the photo is worth sending.
export function onArrival(watcher) {
  arrivals.push(watcher);
}

const keyOf = (result) => result.download.split("/")[1];

// ---- a photo comes --------------------------------------------------------------------------------------------------

// The error of a file that need not be sent to know that it is of no use, else null.
export function faultOf(file) {
  const megabytes = Math.round(file.size / 1e5) / 10;
  const code = file.size === 0 ? "empty_file" : file.size > facts.maxMegabytes * 1e6 ? "too_large" : null;
  return code && { state: "error", run: now.run, code, facts: { name: file.name, megabytes, limit: facts.maxMegabytes } };
}

// Before Gradio sees the file: what needs no server is answered here, and the photo is on the screen at once.
// Returns whether the file is worth sending.
export function acceptFile(file) {
  const fault = faultOf(file);
  for (const watcher of arrivals) watcher(!fault);
  if (fault) {
    receive(fault);
    return false;
  }
  if (now.result) now.earlier = { photo: now.photo, result: now.result };
  now.photo = { id: newPhotoId(), name: file.name, file, url: URL.createObjectURL(file), touch: noMarks() };
  now.result = null;
  showPhoto(now.photo.url);
  for (const watcher of photoWatchers) watcher(now.photo);
  receive({ state: "working", run: now.run, step: "sending" });
  return true;
}

// The error of an upload, of which the server has answered this.
export function failureOf({ code, facts: values }) {
  const known = knows(`error.${code}`) ? { code, facts: values } : { code: "unexpected", facts: { kind: "upload" } };
  return { state: "error", run: now.run, ...known };
}

export const uploadFailed = (answer) => receive(failureOf(answer));

// The server may have gone, which is said and mended elsewhere; else it is about this file.
export async function connectionFailed() {
  const { photo } = now;
  await lookAfterServer();
  if (isAway() || photo !== now.photo) return;
  const key = await isReadable(photo.file) ? "page.upload_failed" : "page.file_gone";
  receive({ state: "error", run: now.run, words: () => say(key, { name: photo.name }), facts: {}, again: photo.file });
}

// A photo of this visit, with the settings that it had.
let returns = 0;

export async function bringBack({ file, behind, settings }) {
  const number = (returns += 1);
  now.paused = true;
  if (behind && settings.background === "image") await giveBehind(behind);
  await restoreSettings(settings);
  if (number !== returns) return; // another one was asked for meanwhile
  now.paused = false;
  now.returning = true;
  giveFile(file);
  now.returning = false;
}

// The server keeps a result for a while only: the same photo once more. Returns whether there is a result again.
let renewing = false;

async function renew() {
  if (!now.photo?.file || renewing) return false;
  renewing = true;
  const shown = now.result ?? now.message;
  await bringBack({ file: now.photo.file, behind: fileBehind(shown.behind), settings: shownSettings() });
  const isThere = await whenOver();
  renewing = false;
  return isThere;
}

// The photo came to nothing: back to the one before, with its result, if there was one.
function goBackToEarlier() {
  const { photo, result } = now.earlier;
  now.earlier = null;
  now.photo = { ...photo, key: keyOf(result) };
  now.result = result;
  showResult(result);
}

// ---- the server says something --------------------------------------------------------------------------------------

export function show(message) {
  if (!message || message.photo !== now.photo?.id || message.run < now.run) return;
  if (root.dataset.state === "comparing" && !message.comparing) return; // of a run that the comparison has replaced
  now.run = message.run;
  if (message.download && message.download === now.result?.download) return;
  receive(message);
}

export function receive(message) {
  if (message.state === "error" && message.code === "expired" && !renewing && now.photo?.file) return renew();
  if (message.state === "working" && !isWorking()) {
    now.since = performance.now();
    announce(""); // so that the same words are news again
  }
  if (message.options) now.model = message.options.model;
  now.message = message;
  if (message.state !== "done") {
    render(message);
    if (message.early) showEarly(message);
    if (message.state === "error" && OF_SETTINGS.includes(message.code)) takeBackSettings(message);
    return;
  }
  now.taken = message.model;
  if (!models[now.taken]?.installed) renewModels(); // it was fetched for this photo
  showOnceLoaded(message);
}

// The last result stays on the screen until the pictures of the new one are there.
async function showOnceLoaded(message) {
  if (!await areLoaded(message)) {
    if (now.message === message) receive({ state: "error", run: now.run, code: "expired", facts: {} });
    return;
  }
  if (now.message !== message) return; // something newer came meanwhile
  const first = takeResult(message);
  render(message);
  if (first || wantsFocus) focusResult();
}

// The fast model's result, while a better one is at work: not the last word, but something to see and to go on with.
async function showEarly({ early, options, behind, change, hand, run }) {
  if (early.download === now.early || !await areLoaded(early)) return;
  if (now.run !== run || !isWorking()) return;
  now.early = early.download;
  takeResult({ ...early, options, behind, change, hand, run });
  render(now.message);
}

function areLoaded({ before, after }) {
  const pictures = [before, after].map((src) => Object.assign(new Image(), { src }));
  return Promise.all(pictures.map((picture) => picture.decode())).then(() => true, () => false);
}

// Returns whether it is the first one of its photo.
function takeResult(result) {
  const first = !now.result;
  now.result = result;
  if (now.photo.key) now.photo.key = keyOf(result); // the newest lives longest
  if (now.earlier) URL.revokeObjectURL(now.earlier.photo.url);
  now.earlier = null;
  showResult(result);
  if (first) reveal();
  return first;
}

export const isAboutBehind = ({ state, facts: values }) => state === "error" && values.part === "background";

export function render(message) {
  const failed = message.state === "error" && !now.result && !isAboutBehind(message); // and with it the photo
  if (failed && now.earlier) goBackToEarlier();
  // A file that cannot be shown and was not cut out leaves nothing to look at: back to the start, with the reason.
  const nothing = failed && !now.result && root.dataset.picture !== "preview";
  root.dataset.state = nothing ? "empty" : message.comparing ? "comparing" : message.state;
  $("headline").textContent = now.photo ? say("page.headline", now.photo) : "";
  root.toggleAttribute("data-early", message.state === "working" && Boolean(now.early) && now.early === now.result?.download);
  if (message.state === "working") renderStep(message);
  if (message.state === "error") renderError(message);
  else if (message.state === "done") renderDone(message);
  else showNotice("");
  if (message.state === "ask") renderQuestion(message);
  else closeQuestion();
  renderNothing(message);
  if (nothing && isFocusFree()) focusChooser();
  describeModel();
  for (const watcher of watchers) watcher(message);
  if (message.state !== "working") for (const done of waiting.splice(0)) done(message.state === "done");
}

const waiting = []; // for the end of the work under way

// Whether there is a result, once the work under way is over.
export const whenOver = () => isWorking() ? new Promise((done) => { waiting.push(done); }) : Promise.resolve(Boolean(now.result));

// What a setting has brought about must not meet the next photo: the controls go back to what the result on the screen has.
const OF_SETTINGS = ["bad_option", "frame_too_large", "took_too_long"];

function takeBackSettings(message) {
  if (!now.result && !now.earlier) now.photo.note = () => sayError(message);
  takeBack(message.facts.name);
}

function renderError(message) {
  const action = message.again && { text: say("page.again"), does: () => giveFile(message.again) };
  showNotice(message.words?.() ?? sayError(message), "error", action);
}

// ---- what a keyboard and a screen reader are led to ---------------------------------------------------------------------

let wantsFocus = false; // what had it is hidden while the work goes on

// Whether nobody would miss the focus: no field or slider has it, no menu and no box is open, the photo is in sight.
function isFocusFree() {
  const busy = document.querySelector("dialog[open], .pop:not([hidden])") || root.dataset.tab !== "photo";
  return !busy && !(isFilling(document.activeElement) && document.activeElement.checkVisibility());
}

function focusResult() {
  wantsFocus = false;
  if (isFocusFree()) ($("nothing").hidden || $("try-best").hidden ? $("frame") : $("try-best")).focus();
}

// Not each step, but what takes long.
function announceStep() {
  if (isWorking() && performance.now() - now.since >= ANNOUNCE_AFTER) announce(sayStep({ ...now.message, done: null }));
}

function sayStep({ step, ahead, done, total }) {
  if (step === "waiting" && ahead) return say(ahead === 1 ? "page.step.waiting_1" : "page.step.waiting_n", { ahead });
  if (step === "fetching" && done === null) return say("page.step.fetching_unknown", { total });
  const words = say(`page.step.${step}`, { done, total });
  return step.startsWith("sending") && Number.isFinite(done) ? say("page.step.sent", { words, done }) : words;
}

function renderStep(message) {
  const { step, done, total } = message;
  const bar = $("progress");
  if (Number.isFinite(done)) {
    bar.max = total;
    bar.value = done;
  } else bar.removeAttribute("value");
  $("step").textContent = sayStep(message);
  if (root.hasAttribute("data-early")) $("facts").textContent = say("page.refining");
  renderTime();
}

// How much of a file has gone, in percent.
export function showSent(done) {
  if (now.message?.step?.startsWith("sending")) renderStep(Object.assign(now.message, { done, total: 100 }));
}

function renderTime() {
  const seconds = Math.floor((performance.now() - now.since) / 1000);
  $("elapsed").textContent = isWorking() && seconds >= 1 ? say("page.seconds", { seconds }) : "";
}

function renderQuestion({ code, options, facts: values, may_fetch: mayFetch }) {
  const model = models[options.model] ?? models[values.model];
  const byHand = code === "import_only";
  $("ask-title").textContent = say("page.ask.title", { title: titleOf(model.name) });
  $("ask-body").textContent = byHand ? say("page.ask.by_hand", values)
    : mayFetch ? say("page.ask.body", { ...values, license: model.license }) : say("error.model_missing", values);
  const restricted = model.commercial_use !== "yes";
  $("ask-rights").textContent = restricted ? `${say(`page.rights.${model.commercial_use}`)} ${model.commercial_use_why}` : "";
  $("fetch").hidden = byHand || !mayFetch;
  $("ask-models").hidden = !byHand;
  if (!$("ask-box").open) $("ask-box").showModal();
}

function closeQuestion() {
  if (!$("ask-box").open) return;
  $("ask-box").close(); // the browser gives the focus back; the model menu loses it where it is drawn anew
  wantsFocus = true;
}

function addQuestion() {
  $("ask-box").append($("ask"));
  $("ask-box").addEventListener("cancel", (event) => {
    event.preventDefault(); // Escape is an answer, too
    declineQuestion();
  });
  for (const answer of ["later", "fetch"]) $(answer).addEventListener("click", closeQuestion);
}

function renderDone(message) {
  showResult(message);
  $("copy").textContent = say("page.copy");
  const notes = sayWarnings(message);
  const { note } = now.photo;
  delete now.photo.note; // once is enough
  const refused = isRefusalNews(message) ? sayError(now.refused) : null;
  if (note && !refused) showBriefly([note(), ...notes].join(" "));
  else showNotice([refused, ...notes].filter(Boolean).join(" "), refused ? "error" : "note");
  if (!message.warnings.includes(NOTHING)) announce(say("page.done", { ...message, time: sayTime(message.seconds) }));
}

// That the picture for behind cannot be used is told with the first result without it.
function isRefusalNews(message) {
  if (!now.refused || message.options.background === "image") return false;
  now.refused.toldWith ??= message;
  return now.refused.toldWith === message;
}

// No subject: the photo stays in sight, there is nothing to take along, and what might help is one press away.
function renderNothing(message) {
  const found = !now.result?.warnings.includes(NOTHING);
  root.dataset.nothing = !found;
  allowDownload(found);
  const best = Object.values(models).find((model) => model.members.length);
  const other = best && best.name !== now.result?.model ? best : null;
  write($("nothing-advice"), say(other ? "page.nothing.advice" : "page.nothing.closer"));
  $("nothing").hidden = found || message.state !== "done";
  $("try-best").hidden = !other;
  $("try-best").textContent = say("page.nothing.try", { title: other ? titleOf(other.name) : "" });
  $("try-best").dataset.model = other?.name ?? "";
}

// ---- leaving a photo ------------------------------------------------------------------------------------------------

// Whatever the server still says of what it was asked before comes too late, even if it was on its way already.
export function disregardWork() {
  now.photo = { ...now.photo, id: newPhotoId() };
  now.behind = null;
}

export function startOver() {
  returns += 1;
  now.paused = false;
  if (isWorking()) cancelWork();
  now.photo = now.message = now.result = now.earlier = now.behind = null;
  root.dataset.state = "empty";
  root.dataset.picture = "none";
  showNotice("");
  focusChooser();
  for (const watcher of photoWatchers) watcher(null);
}

// Everything that was given is deleted, here and where the page runs.
export function forget() {
  forgetEverything();
  startOver();
  clearChooser();
  showNotice(say("page.forgotten"));
}

// Back to the last result if there is one, else to the start.
function leaveCancelled() {
  if (!now.photo) return;
  if (!now.result && now.earlier) goBackToEarlier();
  if (!now.result) return startOver();
  disregardWork();
  now.message = now.result;
  now.model = now.result.options.model;
  render(now.result);
  focusResult();
}

// What was under way is lost with the connection, and so is what Gradio knew of the photo: the page begins anew, and the
// photo comes back.
function goOn(lost) {
  if (!lost || !isWorking()) return;
  leaveWord("page.back");
  location.reload();
}

export function beginPhoto() {
  $("new").addEventListener("click", startOver);
  addQuestion();
  $("try-best").addEventListener("click", () => {
    wantsFocus = true;
    amend({ model: $("try-best").dataset.model });
  });
  onCancel(leaveCancelled);
  onSpeak(() => now.message && render(now.message));
  onReturn(goOn);
  connectResult({ renew, whenOver });
  setInterval(() => {
    renderTime();
    announceStep();
  }, 1000);
}
