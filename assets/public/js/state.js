// What the page knows: the facts it came with, the photo and its result, the models, what this browser remembers.

import { asMarks } from "./marks.js";

export const facts = window.CLEARCUT; // from ui/words.py

export const now = {
  language: null, // of the words on the page
  photo: null, // {id, name, file, url, key, note, touch, trimap}: the photo that the visitor gave, what is marked on it, and its trimap's file
  touching: false, // whether it is being touched up
  hand: null, // the tool with which it is being framed by hand
  message: null, // the newest about it
  paused: false, // while the settings of a photo that comes back are on their way: nothing is done meanwhile
  returning: false, // while a photo is given that comes back, with settings of its own
  run: 0, // its number; messages of older runs are not listened to
  result: null, // the message whose pictures are shown
  early: null, // the download of the fast result that is shown until a better one comes
  earlier: null, // {photo, result} of the photo before, until this one has a result
  behind: null, // the file for behind the subject that was chosen last
  refused: null, // the message that it cannot be used
  model: null, // the name of the chosen one
  taken: null, // and that of the one that has looked at the photo, which "automatic" leaves open
  since: 0, // when the work under way began
};

export const models = {}; // by name, as the server tells of them

export const isTouching = () => now.touching;
export const isWorking = () => now.message?.state === "working";
export const installedModels = () => Object.values(models).filter((model) => model.installed && !model.picks); // that cut out

let photos = 0;
export const newPhotoId = () => (photos += 1);

// What the server is told of the photo, beside the file; its id, and `behind`, come back in every message.
export function photoFacts(behind) {
  if (!now.photo || now.paused) return null;
  const { id, name, key, touch } = now.photo;
  return { id, name, key, behind, marks: asMarks(touch), change: touch.change, touching: now.touching, hand: now.hand };
}

// In a private window nothing can be remembered, and the page works without.
export function recall(key) {
  try {
    return localStorage.getItem(`clearcut-${key}`);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(`clearcut-${key}`, value);
  } catch { /* see above */ }
}
