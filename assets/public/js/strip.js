// The strip of this visit's pictures: each comes back with its settings, or is removed.
import { fileBehind } from "./bridge.js";
import { make, root } from "./dom.js";
import { asMarks, readMarks } from "./marks.js";
import { bringBack, onMessage, onPhoto, startOver } from "./photo.js";
import { onSettings, shownSettings } from "./settings.js";
import { now } from "./state.js";
import { onMarks } from "./touchup.js";
import { currentPicture, currentSettings, dropPicture, idOfFile, savedPictures, saveFiles, savePicture, setCurrentPicture, setCurrentSettings, takeWord } from "./store.js";
import { NOTHING } from "./warnings.js";
import { onSpeak, say } from "./words.js";

const MOST = 12;
const SMALL = 144; // pixels: of the longer side of a picture in the strip
const REST = 300; // milliseconds without a newer result: a slider that moves makes dozens

const left = currentSettings(); // by the load before, if there was one
let pictures = []; // {id, name, file, behind, trimap, settings, touch, thumb, came}; without a thumb while nothing has come of it
let resting = null;

const given = new Map(); // by the id of a photo: marks and trimap that it comes with, whatever was drawn on it here

export const giveMarks = (file, drawn) => given.set(idOfFile(file), drawn);

// The same strokes as they are known here, where they can be undone as they were drawn.
function drawnOn(id, photo) {
  const known = find(id).touch ?? photo.touch;
  const { marks, trimap } = given.get(id) ?? { marks: asMarks(known), trimap: find(id).trimap };
  given.delete(id);
  return { touch: JSON.stringify(asMarks(known)) === JSON.stringify(marks) ? known : readMarks(marks), trimap };
}

const find = (id) => pictures.find((picture) => picture.id === id);

function note(photo) {
  setCurrentPicture(photo ? idOfFile(photo.file) : null);
  if (photo) {
    const id = idOfFile(photo.file);
    if (!find(id)) add({ id, name: photo.name, file: photo.file, came: Date.now() });
    const { trimap } = find(id);
    Object.assign(photo, drawnOn(id, photo));
    change(id, { settings: shownSettings(), touch: photo.touch, trimap: photo.trimap });
    if (photo.trimap !== trimap) saveFiles(find(id));
    for (const { id: old } of pictures.slice(0, -MOST)) forgetOne(old);
  }
  draw();
}

function add(picture) {
  pictures.push(picture);
  saveFiles(picture);
}

const change = (id, facts) => savePicture(Object.assign(find(id), facts));

// Also where a photo came to nothing: the strip holds what there is a result of, and what was wrong is not brought back.
function follow(message) {
  const id = now.photo?.file && idOfFile(now.photo.file);
  if (message.state === "error" && !message.again && !now.result) dropUnfinished();
  if (message.state !== "done" || !find(id)) return;
  setCurrentPicture(id);
  keepBehind(find(id), message);
  change(id, { settings: message.options });
  clearTimeout(resting);
  resting = setTimeout(() => settle(id, message), REST);
}

function keepBehind(picture, { options, behind }) {
  const file = options.background === "image" && fileBehind(behind);
  if (file && file !== picture.behind) saveFiles(Object.assign(picture, { behind: file }));
}

async function settle(id, { before, after, warnings }) {
  const thumb = await makeThumb(warnings.includes(NOTHING) ? before : after);
  if (!find(id)) return; // removed meanwhile
  if (thumb) change(id, { thumb });
  draw();
}

async function makeThumb(address) {
  const image = Object.assign(new Image(), { src: address });
  try {
    await image.decode();
  } catch {
    return null; // there is a newer result
  }
  const scale = Math.min(1, SMALL / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = make("canvas", { width: Math.max(1, image.naturalWidth * scale), height: Math.max(1, image.naturalHeight * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL();
}

function dropUnfinished() {
  for (const { id } of pictures.filter(({ thumb }) => !thumb)) forgetOne(id);
  if (!find(currentPicture())) setCurrentPicture(null);
}

function forgetOne(id) {
  pictures = pictures.filter((picture) => picture.id !== id);
  dropPicture(id);
}

function remove(id) {
  forgetOne(id);
  if (currentPicture() === id) startOver();
  draw();
}

export function forgetPictures() {
  for (const { id } of pictures) forgetOne(id);
  draw();
}

function makeItem(picture) {
  const { id, name, thumb } = picture;
  const open = make("button", { type: "button", className: "thumb board", title: name }, make("img", { src: thumb, alt: name }));
  open.ariaCurrent = id === currentPicture() ? "true" : "false";
  open.addEventListener("click", () => { if (id !== currentPicture()) bringBack(picture); });
  const away = make("button", { type: "button", className: "away", textContent: "×", ariaLabel: say("page.strip.remove", { name }) });
  away.addEventListener("click", () => remove(id));
  return make("li", {}, open, away);
}

// Sideways only: the page stays where it is.
function showCurrent(list) {
  const item = list.querySelector("li:has([aria-current=true])");
  if (item) list.scrollLeft = item.offsetLeft - (list.clientWidth - item.clientWidth) / 2;
}

// Below the result a lone picture says nothing that is not seen above; on the start page it does.
function draw() {
  const shown = pictures.filter(({ thumb }) => thumb);
  root.toggleAttribute("data-strip", shown.length > 1);
  for (const strip of document.querySelectorAll(".strip")) {
    strip.hidden = shown.length < (strip.closest("#start") ? 1 : 2);
    strip.querySelector("ul").replaceChildren(...shown.map(makeItem));
    showCurrent(strip.querySelector("ul"));
  }
}

// What the last load of this page was in the midst of.
export async function returnToVisit() {
  pictures = await savedPictures();
  draw();
  const [current, word] = [find(currentPicture()), takeWord()];
  if (!current) return;
  await bringBack({ ...current, settings: left ?? current.settings });
  if (word) now.photo.note = () => say(word);
}

// Those of a photo that comes back are not yet the current one's.
function keepSettings() {
  setCurrentSettings(shownSettings());
  const current = find(currentPicture());
  if (current && !now.paused) current.settings = shownSettings();
}

function keepMarks({ file, touch, trimap }) {
  const picture = find(idOfFile(file));
  if (!picture) return;
  if (trimap !== picture.trimap) saveFiles(Object.assign(picture, { trimap }));
  change(picture.id, { touch });
}

export function beginStrip() {
  onPhoto(note);
  onMarks(keepMarks);
  onMessage(follow);
  onSettings(keepSettings);
  onSpeak(draw);
}
