// Pictures in this browser's own storage, for one visit: a reload or a restarted server loses none of them. Where the
// browser keeps nothing, or no more, the page works without.
import { recall, remember } from "./state.js";

const FACTS = "pictures"; // all about a picture but its files, which are written once
const FILES = "files";
const KEPT_FOR = 24 * 3600 * 1000; // milliseconds, what a visit has left behind that ended without a word

function recallHere(key) {
  try {
    return sessionStorage.getItem(`clearcut-${key}`);
  } catch {
    return null;
  }
}

function rememberHere(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(`clearcut-${key}`);
    else sessionStorage.setItem(`clearcut-${key}`, value);
  } catch { /* a private window */ }
}

// A visit is one tab, however often it is loaded anew.
const visit = recallHere("visit") ?? `${Date.now()}-${Math.random()}`;
rememberHere("visit", visit);

// The picture that is worked on, so that a reload finds it.
export const currentPicture = () => recallHere("picture");
export const setCurrentPicture = (id) => rememberHere("picture", id);

// The settings as they are at this moment: of all that is kept they change most often.
export const setCurrentSettings = (settings) => rememberHere("settings", JSON.stringify(settings));
export const currentSettings = () => JSON.parse(recallHere("settings") ?? "null");

// Something to be said once after the next load.
export const leaveWord = (key) => rememberHere("word", key);
export function takeWord() {
  const key = recallHere("word");
  rememberHere("word", null);
  return key;
}

// The tab that is shown, for a reload.
export const currentTab = () => recallHere("tab");
export const setCurrentTab = (tab) => rememberHere("tab", tab);

// The batch of this visit, else the last one of this browser: it goes on while no page is open.
export const currentBatch = () => recallHere("batch") || recall("batch");
export function setCurrentBatch(id) {
  rememberHere("batch", id);
  remember("batch", id ?? "");
}

export const currentVideo = () => recallHere("video") || recall("video");
export function setCurrentVideo(id) {
  rememberHere("video", id);
  remember("video", id ?? "");
}

// The photo of the batch that is open on the Photo tab, {number, file}, `file` its id there.
export const openedItem = () => JSON.parse(recallHere("batch-item") ?? "null");
export const setOpenedItem = (item) => rememberHere("batch-item", item && JSON.stringify(item));

// How many files that are no photos lay in the folders that were given to the batch.
export const countOthers = () => Number(recallHere("batch-others"));
export const setOthers = (count) => rememberHere("batch-others", count ? String(count) : null);

// How many photos were still to be sent when the page was left.
export const setUnsent = (count) => rememberHere("batch-unsent", count ? String(count) : null);
export function takeUnsent() {
  const count = Number(recallHere("batch-unsent"));
  setUnsent(0);
  return count;
}

let opened = null;

function open() {
  opened ??= new Promise((done, fail) => {
    const request = indexedDB.open("clearcut", 1);
    request.onupgradeneeded = () => { for (const table of [FACTS, FILES]) request.result.createObjectStore(table, { keyPath: "id" }); };
    request.onsuccess = () => done(request.result);
    request.onerror = request.onblocked = () => fail(request.error);
  });
  return opened;
}

async function ask(table, mode, question) {
  try {
    const change = (await open()).transaction(table, mode);
    const request = question(change.objectStore(table));
    return await new Promise((done, fail) => {
      change.oncomplete = () => done(request.result);
      change.onerror = change.onabort = () => fail(change.error);
    });
  } catch {
    return undefined;
  }
}

const put = (table, entry) => ask(table, "readwrite", (entries) => entries.put(entry));
const getAll = async (table) => await ask(table, "readonly", (entries) => entries.getAll()) ?? [];

export const saveFiles = ({ id, file, behind, trimap }) => put(FILES, { id, file, behind, trimap });
export const savePicture = ({ file, behind, trimap, ...facts }) => put(FACTS, { ...facts, visit, saved: Date.now() });

export function dropPicture(id) {
  for (const table of [FACTS, FILES]) ask(table, "readwrite", (entries) => entries.delete(id));
}

export const idOfFile = ({ name, size, lastModified }) => `${visit} ${size} ${lastModified} ${name}`;

// Those of this visit, in the order in which they came; what another one left long ago is deleted.
export async function savedPictures() {
  const all = await getAll(FACTS);
  for (const { id, saved } of all) if (saved < Date.now() - KEPT_FOR) dropPicture(id);
  const files = new Map((await getAll(FILES)).map((entry) => [entry.id, entry]));
  const mine = all.filter(({ id, visit: of }) => of === visit && files.has(id));
  return mine.map((picture) => ({ ...picture, ...files.get(picture.id) })).sort((one, other) => one.came - other.came);
}
