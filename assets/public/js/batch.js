// The Batch tab: many photos cut out with the same settings, by the server, whether or not this page is open.
import { $, announce, make } from "./dom.js";
import { beginBar, hideBar, showBar } from "./batch_bar.js";
import { beginHead } from "./batch_head.js";
import { beginList } from "./batch_list.js";
import { beginBatchPhoto, openItem, returnToItem } from "./batch_photo.js";
import { changeBatch, createBatch, deleteBatch, deleteItem, follow, listItems, readBatch, retryItem } from "./batch_server.js";
import { optionsOfPhotoTab, optionsOfPreset, pictureBehind, pictureChange } from "./batch_settings.js";
import { batch, clearBatch, dropItem, isOver, onBatch, takeItem, takeStatus } from "./batch_state.js";
import { beginUpload, send, stopSending } from "./batch_upload.js";
import { isAway, lookAfterServer, onReturn } from "./connection.js";
import { ARCHIVES, isArchive, PICTURES, pickUseful, withPaths } from "./files.js";
import { makeNote } from "./note.js";
import { faultOf } from "./photo.js";
import { ask } from "./question.js";
import { onTab, showTab } from "./shell.js";
import { countOthers, currentBatch, idOfFile, setCurrentBatch, setOthers, takeUnsent } from "./store.js";
import { say, sayError } from "./words.js";

const GONE = "expired";
const REST = 3000; // milliseconds before the next try to hear from the server

let unfollow = () => {};
let creating = null; // a batch that is about to be there
let note = null; // over the tiles

// ---- what is said ---------------------------------------------------------------------------------------------------

const tell = (words) => note.tell(words);
const fail = (error) => error.code === GONE && batch.status ? lose() : note.fail(error);

async function attempt(deed) {
  try {
    await deed();
  } catch (error) {
    fail(error);
  }
}

// ---- following a batch ----------------------------------------------------------------------------------------------

// All photos as they are now, of which some may be gone.
async function renewItems(id) {
  const before = [...batch.items.keys()];
  const listed = new Set();
  for (let after = 0, some; (some = await listItems(id, after)).length; after = some.at(-1).number) {
    if (batch.status?.id !== id) return;
    for (const item of some) {
      listed.add(item.number);
      takeItem(item);
    }
  }
  for (const number of before) if (!listed.has(number)) dropItem(number);
}

function followBatch({ id, revision }) {
  unfollow();
  unfollow = follow(id, revision, {
    item: takeItem,
    status: takeStatus,
    removed: ({ number }) => dropItem(number),
    closed: () => setTimeout(() => { if (batch.status?.id === id && !isAway()) returnTo(id); }, REST),
  });
}

async function returnTo(id) {
  try {
    const status = await readBatch(id);
    takeStatus(status);
    await renewItems(id);
    if (batch.status?.id === id) followBatch(status); // what has changed since comes now
  } catch (error) {
    if (error.code === GONE) lose();
    else setTimeout(lookAfterServer, REST);
  }
}

// It has expired, or somebody has deleted it.
function lose() {
  leave();
  tell(() => say("page.batch.gone"));
}

function leave() {
  unfollow();
  stopSending();
  setCurrentBatch(null);
  setOthers(0);
  hideBar();
  clearBatch();
}

// ---- photos come ----------------------------------------------------------------------------------------------------

async function begin() {
  const options = optionsOfPhotoTab();
  const behind = pictureBehind();
  if (options.background === "image" && !behind) delete options.background;
  takeStatus(await createBatch(options, behind));
  setCurrentBatch(batch.status.id);
  followBatch(batch.status);
}

// What needs no server to be refused is refused here, as is what is more than a batch may have.
function pickAllowed(entries) {
  const faults = entries.map(({ file }) => isArchive(file) ? null : faultOf(file));
  const fault = faults.find(Boolean);
  if (fault) tell(() => say("page.batch.not_taken", { count: faults.filter(Boolean).length, sentence: sayError(fault) }));
  const good = entries.filter((_, at) => !faults[at]);
  const { limit, limit_mb: limitMb, counts } = batch.status;
  const places = limit === null ? Infinity : Math.max(0, limit - counts.total - (batch.toSend - batch.sent));
  const some = good.slice(0, places);
  const fitting = pickFitting(some);
  const count = fitting.length;
  if (count < some.length) tell(() => say("page.batch.too_much", { limit: limitMb, count }));
  else if (count < good.length) tell(() => say("page.batch.too_many", { limit, count }));
  return fitting;
}

// As many of the first as there is room for on the server.
function pickFitting(entries) {
  if (batch.status.room === null) return entries;
  let room = batch.status.room - batch.bytesToSend;
  const beyond = entries.findIndex(({ file }) => (room -= file.size) < 0);
  return beyond < 0 ? entries : entries.slice(0, beyond);
}

const tellOfUpload = (error) => error.gone ? tell(() => say("page.file_gone", { name: error.gone })) : fail(error);

// `entries`: {file, path} each; `others`: how many files lay with them that are no photos.
export async function addToBatch(entries, others = 0) {
  showTab("batch");
  if (!entries.length) return tell(() => say("page.batch.no_photos"));
  tell(null);
  await attempt(async () => {
    if (!batch.status) await (creating ??= begin().finally(() => { creating = null; }));
    setOthers(countOthers() + others);
    await send(pickAllowed(entries), tellOfUpload);
  });
}

// Several photos on the Photo tab, of which one is shown there.
export function offerBatch(entries) {
  const [{ file, path }] = entries;
  const count = entries.length;
  showBar({
    file: idOfFile(file),
    text: () => say("page.one_only", { name: path.split("/").pop(), number: count }),
    does: { text: () => say(batch.status ? "page.batch.offer_add" : "page.batch.offer", { count }), act: () => takeOffer(entries) },
    leaves: { text: () => say("page.batch.offer_no"), act: hideBar },
  });
}

function takeOffer(entries) {
  hideBar();
  addToBatch(entries);
  $("tab-batch").focus();
}

function choose(what) {
  const input = make("input", { type: "file", multiple: true, webkitdirectory: what === "folder", accept: `${PICTURES},${ARCHIVES}` });
  input.addEventListener("change", () => {
    const files = withPaths(input.files);
    const { found, others } = what === "folder" ? pickUseful(files) : { found: files, others: 0 };
    addToBatch(found, others);
  });
  input.click();
}

// ---- what a button does ---------------------------------------------------------------------------------------------

const change = (changes) => attempt(async () => takeStatus(await changeBatch(batch.status.id, changes)));

const pauseOrGoOn = () => change({ state: batch.status.state === "paused" ? "running" : "paused" });

// `changes`: of the picture behind.
async function setOptions(options, name, changes = {}) {
  const { done, total } = batch.status.counts;
  const asked = { title: say("page.batch.anew", { name }), question: say("page.batch.anew_sure", { total }), yes: say("page.batch.anew_yes") };
  if (!done || await ask(asked)) change({ options, ...changes });
}

function usePreset(name) {
  const options = optionsOfPreset(name);
  setOptions(options, say(`preset.${name}`), options.background === "image" ? {} : { background_image: null });
}

function usePhotoTab() {
  const options = optionsOfPhotoTab();
  const told = batch.status.background_image;
  if (options.background === "image" && !pictureBehind() && !told) delete options.background;
  setOptions(options, say("page.batch.settings.photo"), pictureChange(options.background, told));
}

// Asks once where something would be lost.
async function end() {
  const { total } = batch.status.counts;
  const asked = isOver()
    ? { title: say("page.batch.new_sure.title"), question: say("page.batch.new_sure", { total }), yes: say("page.batch.new_sure.yes") }
    : { title: say("page.batch.cancel_sure.title"), question: say("page.batch.cancel_sure", { total }), yes: say("page.batch.cancel_sure.yes") };
  if (total && !await ask(asked)) return;
  await forgetBatch();
  document.querySelector("#batch-start [data-adds=photos]").focus();
}

async function forgetBatch() {
  if (!batch.status) return;
  const { id } = batch.status;
  leave();
  tell(null);
  await attempt(() => deleteBatch(id));
}

const deeds = {
  open: openItem,
  retry: (number) => attempt(async () => takeItem(await retryItem(batch.status.id, number))),
  remove: (number) => attempt(async () => {
    await deleteItem(batch.status.id, number);
    dropItem(number);
  }),
};

let wasOver = true; // so that only an end that is seen is told
let lastError = null; // that has stopped the batch, as JSON

function announceEnd() {
  if (!batch.status) return;
  const error = JSON.stringify(batch.status.error);
  if (batch.status.error && error !== lastError) fail(batch.status.error);
  lastError = error;
  const over = isOver() && batch.status.counts.total > 0;
  if (over && !wasOver) announce(say("page.batch.over", batch.status.counts));
  wasOver = over;
}

// ---- the page -------------------------------------------------------------------------------------------------------

// What the last load of this page, or the last visit, has left.
async function resume(id) {
  const unsent = takeUnsent();
  await returnTo(id);
  if (!batch.status) return isAway() ? onReturn(() => batch.status || returnTo(id)) : undefined;
  if (unsent) tell(() => say("page.batch.unsent", { count: unsent }));
}

export function beginBatch() {
  note = makeNote("batch-note");
  beginBar();
  beginHead(usePreset);
  beginList((what, number) => deeds[what](number));
  beginBatchPhoto({ fail, tell });
  beginUpload();
  for (const button of document.querySelectorAll("[data-adds]")) button.addEventListener("click", () => choose(button.dataset.adds));
  $("batch-pause").addEventListener("click", pauseOrGoOn);
  $("batch-end").addEventListener("click", end);
  $("batch-as-photo").addEventListener("click", usePhotoTab);
  $("about-forget").addEventListener("click", forgetBatch);
  onBatch(announceEnd);
  onReturn(() => { if (batch.status) returnTo(batch.status.id); });
  if (currentBatch()) {
    returnToItem();
    resume(currentBatch());
  }
}
