// The tool that moves the subject in its frame and scales it: by dragging, its corners, the wheel, two fingers, keys.
import { $, root } from "./dom.js";
import { standAt } from "./hand_stand.js";
import { facts, now } from "./state.js";
import { say } from "./words.js";

const SNAP = 7; // px of the screen
const UNSCALED = 2; // percent around 100 that are 100
const { minimum: LEAST, maximum: MOST } = facts.limits.scale;

const rounded = (value) => Math.round(value * 1000) / 1000;
const tenths = (value) => Math.round(value * 10) / 10 || 0; // no minus before nothing
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

let guides = []; // the lines that the subject has snapped to: [axis, where]

// Lines to snap to along one side: the middle, the frame's border and the margin, for what part of the subject.
function linesAlong(axis, { margin }, [left, top, right, bottom]) {
  const sides = [now.result.width, now.result.height];
  const longer = Math.max((right - left) * sides[0], (bottom - top) * sides[1]);
  const free = margin / 100 * longer / sides[axis];
  const [low, high] = axis === 0 ? [left, right] : [top, bottom];
  return [[(low + high) / 2, 0.5], [low, free], [high, 1 - free], [low, 0], [high, 1]];
}

// The nearest line within reach: by how much the subject has to move to it.
function snapAlong(axis, settings, sheet) {
  const reach = SNAP / (axis === 0 ? sheet.width : sheet.height);
  let best = null;
  for (const [at, line] of linesAlong(axis, settings, standAt(settings).box)) {
    const way = line - at;
    if (Math.abs(way) <= reach && Math.abs(way) < Math.abs(best?.way ?? Infinity)) best = { way, line };
  }
  if (best) guides.push([axis, best.line]);
  return best?.way ?? 0;
}

function moveBy(start, way, { free, sheet }) {
  const [x, y] = standAt(start).offset;
  const moved = { ...start, offset_x: 100 * (x + way.x), offset_y: 100 * (y + way.y) };
  guides = [];
  if (!free) {
    moved.offset_x += 100 * snapAlong(0, moved, sheet);
    moved.offset_y += 100 * snapAlong(1, moved, sheet);
  }
  return settled(moved);
}

// As far as it can be had.
function settled(settings) {
  const [x, y] = standAt(settings).offset;
  return { offset_x: rounded(100 * x), offset_y: rounded(100 * y), scale: tenths(settings.scale) };
}

function scaleTo(settings, percent, free = true) {
  const near = !free && Math.abs(percent - 100) < UNSCALED ? 100 : percent;
  return settled({ ...settings, scale: clamp(near, LEAST, MOST) });
}

// By a corner: as far from the point that stays as the pointer is.
function scaleBy(start, { from, to, sheet, free }) {
  const { pivot, shift } = standAt(start);
  const fixed = { x: sheet.left + (pivot[0] + shift[0]) * sheet.width, y: sheet.top + (pivot[1] + shift[1]) * sheet.height };
  const apart = ({ x, y }) => Math.max(8, Math.hypot(x - fixed.x, y - fixed.y));
  guides = [];
  return scaleTo(start, start.scale * apart(to) / apart(from), free);
}

function drawGuides() {
  root.toggleAttribute("data-snapped", guides.length > 0);
  for (const [axis, id] of ["guide-x", "guide-y"].entries()) {
    const at = guides.find(([along]) => along === axis)?.[1];
    $(id).hidden = at === undefined;
    $(id).style.setProperty("--at", `${100 * at}%`);
  }
}

export const move = {
  isOffered: () => true,
  drag: (start, way, how) => how.part ? scaleBy(start, how) : moveBy(start, way, how),
  grow: (settings, factor) => scaleTo(settings, settings.scale * factor),
  step: (settings, [x, y]) => {
    const [across, down] = standAt(settings).offset;
    guides = [];
    return settled({ ...settings, offset_x: 100 * (across + x / now.result.width), offset_y: 100 * (down + y / now.result.height) });
  },
  plain: () => Object.fromEntries(["offset_x", "offset_y", "scale"].map((name) => [name, facts.defaults[name]])),
  describe: ({ offset_x: x, offset_y: y, scale }) => say("page.hand.moved", { x: tenths(x), y: tenths(y), scale: Math.round(scale) }),
  draw: (settings) => {
    const { style } = $("hand-box");
    const [left, top, right, bottom] = standAt(settings).box;
    for (const [side, at] of Object.entries({ left, top, right, bottom })) style.setProperty(`--${side}`, `${100 * at}%`);
    drawGuides();
  },
  rest: () => {
    guides = [];
    drawGuides();
  },
};
