// The trimap of the photo: given as a file, seen as a tint over the photo, taken away again. The brushes draw on it.
import { lookAfterServer } from "./connection.js";
import { $, root } from "./dom.js";
import { putTrimap, takeTrimap } from "./marks.js";
import { failureOf, faultOf, onMessage, onPhoto, receive } from "./photo.js";
import { isTouching, now } from "./state.js";
import { onMarks, tryOut } from "./touchup.js";
import { say } from "./words.js";

const SURE = { out: 25, in: 230 }; // grey levels beyond which it is taken as black and as white

let drawn = null; // the address of the tint that is on the photo

// ---- it comes and goes ----------------------------------------------------------------------------------------------

// As `acceptFile` of the photo. One that the page has already is sent anew.
export function acceptTrimap(file) {
  if (file === now.photo?.trimap) return true;
  if (!isTouching()) return false;
  const fault = faultOf(file);
  if (fault) {
    receive(fault);
    return false;
  }
  $("touch-tint").checked = true;
  tryOut((photo) => putTrimap(photo, file), () => say("page.trimap.there"), false);
  receive({ state: "working", run: now.run, step: "sending_trimap" });
  return true;
}

export const trimapFailed = (answer) => receive(failureOf(answer));

export function trimapLost() {
  trimapFailed({});
  lookAfterServer();
}

export const removeTrimap = () => tryOut(takeTrimap, () => say("page.trimap.gone"));

// ---- it is seen -----------------------------------------------------------------------------------------------------

async function draw() {
  const tint = now.photo?.trimap ? now.result?.tint : null;
  $("touch-tint-part").hidden = !now.photo?.trimap;
  root.toggleAttribute("data-tinted", Boolean(tint) && $("touch-tint").checked);
  if (!tint || tint === drawn) return;
  const picture = Object.assign(new Image(), { src: tint });
  drawn = tint;
  try {
    await picture.decode();
  } catch {
    return; // there is a newer result
  }
  if (tint === drawn) paint(picture);
}

// What stays is clear, what goes and what is worked out have the colours of their brushes.
function paint(picture) {
  const [canvas, { naturalWidth: width, naturalHeight: height }] = [$("tint"), picture];
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const pixels = pen.getImageData(0, 0, width, height);
  const [colours, shown] = [coloursByLevel(), new Uint32Array(pixels.data.buffer)];
  for (let at = 0; at < shown.length; at += 1) shown[at] = colours[shown[at] & 255];
  pen.putImageData(pixels, 0, 0);
}

function coloursByLevel() {
  const [out, between] = ["erase", "unsure"].map(readColour);
  return Array.from({ length: 256 }, (_, level) => level > SURE.in ? 0 : level < SURE.out ? out : between);
}

// As a pixel of a canvas.
function readColour(name) {
  const [red, green, blue] = getComputedStyle(root).getPropertyValue(`--${name}`).match(/[0-9a-f]{2}/gi);
  return parseInt(`ff${blue}${green}${red}`, 16);
}

export function beginTrimap() {
  $("touch-tint").addEventListener("change", draw);
  for (const watch of [onMarks, onMessage, onPhoto]) watch(draw);
}
