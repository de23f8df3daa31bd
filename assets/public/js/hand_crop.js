// The tool that crops by hand: a box with eight handles on the whole photo, of any shape or of the canvas's.
import { $ } from "./dom.js";
import { facts, now } from "./state.js";
import { say } from "./words.js";

const LEAST = 0.02; // of the photo: the least width and height of a box
const WHOLE = [0, 0, 1, 1];

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const rounded = (value) => Math.round(value * 1e5) / 1e3; // percent

// ---- the option: percent of the photo before it is turned -----------------------------------------------------------

const sorted = ([x1, y1, x2, y2]) => [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
const quarter = ([left, top, right, bottom]) => [1 - bottom, left, 1 - top, right]; // clockwise

function mirror([left, top, right, bottom], flip) {
  if (flip === "none") return [left, top, right, bottom];
  return flip === "horizontal" ? [1 - right, top, 1 - left, bottom] : [left, 1 - bottom, right, 1 - top];
}

function turnBox(box, quarters) {
  let turned = box;
  for (let count = 0; count < quarters; count += 1) turned = quarter(turned);
  return sorted(turned);
}

// As it lies on the photo that is seen, in fractions.
function boxOf({ crop_box: text, rotate, flip }) {
  const box = text ? text.split(",").map((side) => Number(side) / 100) : WHOLE;
  return mirror(turnBox(box, rotate / 90), flip);
}

function optionOf(box, { rotate, flip }) {
  const upright = turnBox(mirror(box, flip), (4 - rotate / 90) % 4);
  const sides = upright.map(rounded);
  return { crop_box: sides.every((side, at) => side === 100 * WHOLE[at]) ? "" : sides.join(",") };
}

// ---- shapes ---------------------------------------------------------------------------------------------------------

let keepsShape = true; // where there is a canvas

// Width by height that the canvas of these settings has, or null.
function shapeOf({ canvas }) {
  const [wide, high] = facts.canvases[canvas] ?? canvas.match(/^\s*([\d.]+)\s*[x×:]\s*([\d.]+)\s*$/i)?.slice(1).map(Number) ?? [];
  return wide && high ? wide / high : null;
}

// The same in fractions of the photo's width and height.
function ratioOf(settings) {
  const shape = keepsShape && shapeOf(settings);
  return shape ? shape * now.result.height / now.result.width : null;
}

// A box drawn by `part`, some of "n", "e", "s" and "w"; the other sides stay, or with a ratio the middle.
function resize([left, top, right, bottom], part, x, y, ratio) {
  const box = [
    part.includes("w") ? clamp(left + x, 0, right - LEAST) : left, part.includes("n") ? clamp(top + y, 0, bottom - LEAST) : top,
    part.includes("e") ? clamp(right + x, left + LEAST, 1) : right, part.includes("s") ? clamp(bottom + y, top + LEAST, 1) : bottom,
  ];
  return ratio ? shapeBox(box, part, ratio) : box;
}

function shapeBox([left, top, right, bottom], part, ratio) {
  const [wide, high] = [right - left, bottom - top];
  const width = /[ns]/.test(part) ? /[ew]/.test(part) ? Math.max(wide, high * ratio) : high * ratio : wide;
  const across = roomFor(left, right, part.includes("w"), part.includes("e"));
  const down = roomFor(top, bottom, part.includes("n"), part.includes("s"));
  const fitting = Math.min(width, across.most, down.most * ratio);
  const [x, y] = [across.start(fitting), down.start(fitting / ratio)];
  return [x, y, x + fitting, y + fitting / ratio];
}

// Where a part may begin, and how long it may be: from the side that stays, or around the middle.
function roomFor(low, high, movesLow, movesHigh) {
  if (movesLow) return { most: high, start: (length) => high - length };
  if (movesHigh) return { most: 1 - low, start: () => low };
  const middle = (low + high) / 2;
  return { most: 2 * Math.min(middle, 1 - middle), start: (length) => middle - length / 2 };
}

// The largest box of a shape around the middle of another, inside the photo.
function fitShape([left, top, right, bottom], ratio) {
  const width = Math.min(right - left, (bottom - top) * ratio);
  const [x, y] = [(left + right - width) / 2, (top + bottom - width / ratio) / 2];
  return [x, y, x + width, y + width / ratio];
}

function shift([left, top, right, bottom], x, y) {
  const [across, down] = [clamp(x, -left, 1 - right), clamp(y, -top, 1 - bottom)];
  return [left + across, top + down, right + across, bottom + down];
}

function change(settings, part, x, y) {
  const box = boxOf(settings);
  return optionOf(part === "" ? shift(box, x, y) : resize(box, part, x, y, ratioOf(settings)), settings);
}

function draw(settings) {
  const [left, top, right, bottom] = boxOf(settings);
  const { style } = $("hand-crop");
  for (const [side, at] of Object.entries({ left, top, right: 1 - right, bottom: 1 - bottom })) style[side] = `${100 * at}%`;
  $("hand-shape").checked = keepsShape;
}

export const crop = {
  isOffered: () => true,
  shape: shapeOf,
  keepShape: (settings, keeps) => {
    keepsShape = keeps;
    const ratio = ratioOf(settings);
    return ratio ? optionOf(fitShape(boxOf(settings), ratio), settings) : {};
  },
  drag: (start, way, { part }) => change(start, part === "box" ? "" : part, way.x, way.y),
  grow: () => null,
  step: (settings, [x, y], part) => change(settings, part === "box" ? "" : part, x / now.result.width, y / now.result.height),
  plain: () => ({ crop_box: "" }),
  describe: (settings) => {
    const [left, top, right, bottom] = boxOf(settings);
    return say("page.hand.cropped", { width: Math.round((right - left) * now.result.width), height: Math.round((bottom - top) * now.result.height), left: Math.round(100 * left), top: Math.round(100 * top) });
  },
  draw,
};
