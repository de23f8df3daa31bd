// Picking a subject: what a click would drop or bring back lights up under the pointer, and the click does it.
import { $, announce, write } from "./dom.js";
import { onMessage, whenOver } from "./photo.js";
import { isTouching, isWorking, now } from "./state.js";
import { brush, brushPoint, onBrush, pointAt } from "./strokes.js";
import { say } from "./words.js";

const TINT = 0.4; // how far the light covers the picture
const RIMS = [[3, "#fff"], [2, null]]; // pixels of the screen, the outer first; without a colour in that of the light
const AROUND = Array.from({ length: 16 }, (_, at) => [Math.cos(at * Math.PI / 8), Math.sin(at * Math.PI / 8)]);

let wanted = null; // the place that is to light up next
let looking = false;
let lit = null; // {result, place, kind, area}: the answer that is shown
let picks = Promise.resolve(); // one click after the other: each is about the result of the one before

export const isPicking = () => isTouching() && brush.kind === "pick";

// ---- what the server says of a place --------------------------------------------------------------------------------

const isSame = ({ result, place }, point) => result === now.result && place.every((value, at) => value === point[at]);
const isInside = ([x, y]) => x >= 0 && y >= 0 && x <= now.result.photo_size[0] && y <= now.result.photo_size[1];

// Null where it cannot be said: the result is gone, or the server is busy.
async function ask(place) {
  const { result } = now;
  const answer = await fetch(`${result.download}pick?x=${place[0]}&y=${place[1]}`).catch(() => null);
  if (!answer?.ok) return null;
  const { kind, area } = await answer.json();
  const image = area && Object.assign(new Image(), { src: area });
  await image?.decode();
  return { result, place, kind, area: image };
}

// Of many places that the pointer passes only the newest is asked for.
async function look() {
  if (looking) return;
  looking = true;
  while (wanted) {
    const place = wanted;
    wanted = null;
    const answer = await ask(place);
    if (isPicking() && !isWorking()) light(answer);
  }
  looking = false;
}

function lookAtBrush() {
  const point = isPicking() && now.result?.whole && !isWorking() && brushPoint();
  if (!point) return isWorking() || light(null);
  const place = pointAt(point);
  if (!isInside(place)) return light(null);
  if (lit && isSame(lit, place)) return;
  wanted = place;
  look();
}

// ---- the light ------------------------------------------------------------------------------------------------------

function light(answer) {
  lit = answer;
  const canvas = $("picked");
  canvas.hidden = !lit?.area;
  if (!canvas.hidden) paint(canvas, lit);
}

function paint(canvas, { kind, area }) {
  const { width, height } = $("result").getBoundingClientRect();
  const scale = Math.min(window.devicePixelRatio || 1, 1600 / Math.max(width, height));
  [canvas.width, canvas.height] = [width * scale, height * scale]; // which clears it
  const pen = canvas.getContext("2d");
  const colour = getComputedStyle(canvas).getPropertyValue(`--${kind}`);
  for (const [wide, own] of RIMS) {
    const shape = colourIn(area, own ?? colour, canvas);
    for (const [x, y] of AROUND) pen.drawImage(shape, x * wide * scale, y * wide * scale);
  }
  const shape = colourIn(area, colour, canvas);
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(shape, 0, 0);
  Object.assign(pen, { globalCompositeOperation: "source-over", globalAlpha: TINT });
  pen.drawImage(shape, 0, 0);
}

function colourIn(area, colour, { width, height }) {
  const shape = new OffscreenCanvas(width, height);
  const pen = shape.getContext("2d");
  pen.drawImage(area, 0, 0, width, height);
  Object.assign(pen, { globalCompositeOperation: "source-in", fillStyle: colour });
  pen.fillRect(0, 0, width, height);
  return shape;
}

// ---- a click --------------------------------------------------------------------------------------------------------

let take = null; // what is done with a pick

// `point` as a pointer says it.
export function pickAt(point) {
  picks = picks.then(() => pickOnce(point)).catch(() => {});
}

async function pickOnce(point) {
  await whenOver();
  if (!isPicking() || !now.result?.whole) return;
  const place = pointAt(point);
  if (!isInside(place)) return;
  const answer = lit && isSame(lit, place) ? lit : await ask(place);
  if (!answer || answer.result !== now.result || !isPicking()) return;
  light(answer);
  if (answer.kind) return take({ kind: answer.kind, include: [place] });
  write($("touch-hint"), say("page.touch.pick.none"));
  announce(say("page.touch.pick.none"));
}

export function beginPick(taken) {
  take = taken;
  onBrush(lookAtBrush);
  onMessage(({ state }) => {
    if (state === "working") return; // what was clicked stays lit until it is done
    light(null);
    lookAtBrush();
  });
}
