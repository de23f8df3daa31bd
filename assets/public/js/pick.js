// Picking a subject: what a click would drop or bring back lights up under the pointer, and the click does it, or a frame that
// is drawn around it. Another click says what belongs to it as well, or does not.
import { $, announce, write } from "./dom.js";
import { lastPick } from "./marks.js";
import { onMessage, whenOver } from "./photo.js";
import { isTouching, isWorking, now } from "./state.js";
import { brush, brushPoint, moveBrush, onBrush, pointAt } from "./strokes.js";
import { say } from "./words.js";

const LEAST = 8; // px of the screen that a frame has, across and down
const KEYS = { Shift: "more", Alt: "less" }; // that say what a click means while they are down
const TINT = 0.4; // how far the light covers the picture
const RIMS = [[3, "#fff"], [2, null]]; // pixels of the screen, the outer first; without a colour in that of the light
const AROUND = Array.from({ length: 16 }, (_, at) => [Math.cos(at * Math.PI / 8), Math.sin(at * Math.PI / 8)]);

let wanted = null; // the pick that is to light up next
let looking = false;
let lit = null; // {result, asked, kind, area}: the answer that is shown
let picks = Promise.resolve(); // one click after the other: each is about the result of the one before
let held = null; // what a click means by a key that is down

export const isPicking = () => isTouching() && brush.kind === "pick";

// ---- what a click means ---------------------------------------------------------------------------------------------

const radios = () => [...document.querySelectorAll("input[name=touch-click]")];
const last = () => lastPick(now.photo?.touch);

// "new": another pick; "more" and "less": this belongs to the last one as well, or does not.
export const clickMeaning = () => last() ? held ?? radios().find(({ checked }) => checked).value : "new";

// The pick that a click on `place` makes, and whether it takes the place of the last one.
function pickOf(place, meaning) {
  if (meaning === "new" || !last()) return [{ include: [place] }, false];
  const { include = [], exclude = [], box = null } = last();
  const more = { include: [...include, place], exclude, box };
  return [meaning === "more" ? more : { include, exclude: [...exclude, place], box }, true];
}

export function drawClicks() {
  const can = isPicking() && Boolean(last());
  for (const radio of radios()) radio.disabled = radio.value !== "new" && !can;
  if (!can) radios()[0].checked = true;
}

// ---- what the server says of it -------------------------------------------------------------------------------------

const asQuery = (pick, instead) => new URLSearchParams({ places: JSON.stringify(pick), instead }).toString();
const isSame = ({ result, asked }, query) => result === now.result && asked === query;
const isInside = ([x, y]) => x >= 0 && y >= 0 && x <= now.result.photo_size[0] && y <= now.result.photo_size[1];

// Null where it cannot be said: the result is gone, or the server is busy.
async function ask(asked) {
  const { result } = now;
  if (!result) return null;
  const answer = await fetch(`${result.download}pick?${asked}`).catch(() => null);
  if (!answer?.ok) return null;
  const { kind, area } = await answer.json();
  const image = area && Object.assign(new Image(), { src: area });
  await image?.decode();
  return { result, asked, kind, area: image };
}

// Of many places that the pointer passes only the newest is asked for.
async function look() {
  if (looking) return;
  looking = true;
  while (wanted) {
    const asked = wanted;
    wanted = null;
    const answer = await ask(asked);
    if (isPicking() && !isWorking() && !frame) light(answer);
  }
  looking = false;
}

function lookAtBrush() {
  const point = isPicking() && now.result?.whole && !isWorking() && brushPoint();
  if (!point) return isWorking() || light(null);
  const place = pointAt(point);
  if (!isInside(place)) return light(null);
  const asked = asQuery(...pickOf(place, clickMeaning()));
  if (lit && isSame(lit, asked)) return;
  wanted = asked;
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
  const meaning = clickMeaning();
  follow(() => isInside(pointAt(point)) ? pickOf(pointAt(point), meaning) : null);
}

function follow(choose) {
  picks = picks.then(() => pickOnce(choose)).catch(() => {});
}

async function pickOnce(choose) {
  await whenOver();
  if (!isPicking() || !now.result?.whole) return;
  const [pick, instead] = choose() ?? [];
  if (!pick) return;
  const asked = asQuery(pick, instead);
  const answer = lit && isSame(lit, asked) ? lit : await ask(asked);
  if (!answer || answer.result !== now.result || !isPicking()) return;
  light(answer);
  const kind = instead ? last().kind : answer.kind;
  if (kind) return take({ ...pick, kind }, instead);
  write($("touch-hint"), say("page.touch.pick.none"));
  announce(say("page.touch.pick.none"));
}

// ---- a frame --------------------------------------------------------------------------------------------------------

let frame = null; // that is being drawn: its two corners, as a pointer says them

export function stretchFrame(from, to) {
  frame = [from, to];
  light(null);
  moveBrush(to);
  const [{ left, top }, { style }] = [$("frame").getBoundingClientRect(), $("pick-frame")];
  const [x, y] = [[from.clientX, to.clientX], [from.clientY, to.clientY]].map((ends) => ends.sort((one, other) => one - other));
  Object.assign(style, { left: `${x[0] - left}px`, top: `${y[0] - top}px`, width: `${x[1] - x[0]}px`, height: `${y[1] - y[0]}px` });
  $("pick-frame").hidden = false;
}

export function dropFrame() {
  frame = null;
  $("pick-frame").hidden = true;
}

export function pickInFrame() {
  const [from, to] = frame;
  dropFrame();
  if (Math.abs(to.clientX - from.clientX) < LEAST || Math.abs(to.clientY - from.clientY) < LEAST) return pickAt(from);
  follow(() => {
    const [wide, high] = now.result.photo_size;
    const corners = [pointAt(from), pointAt(to)];
    const [x, y] = [[0, wide], [1, high]].map(([at, most]) => corners.map((corner) => Math.min(Math.max(corner[at], 0), most)).sort((one, other) => one - other));
    return x[0] < x[1] && y[0] < y[1] ? [{ box: [x[0], y[0], x[1], y[1]] }, false] : null;
  });
}

function hold({ type, key }) {
  if (!KEYS[key] || !isPicking()) return;
  held = type === "keydown" ? KEYS[key] : null;
  lookAtBrush();
}

export function beginPick(taken) {
  take = taken;
  onBrush(lookAtBrush);
  for (const way of ["keydown", "keyup"]) addEventListener(way, hold);
  addEventListener("blur", () => { held = null; });
  onMessage(({ state }) => {
    if (state === "working") return; // what was clicked stays lit until it is done
    light(null);
    lookAtBrush();
  });
}
