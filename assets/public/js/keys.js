// The keys of a brush, over any picture that strokes are drawn on.
import { isTyping } from "./dom.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 1 / 4; // of the brush's size
const LEAST_STEP = 2; // pixels of the screen

// What a key asks for while the brush is in the hand, of `does`: undo, redo, leave, and resize, which takes 1 or -1; else null.
export function deedOf({ key, ctrlKey, metaKey, altKey, shiftKey, target }, does) {
  if (altKey || isTyping(target) || document.querySelector("dialog[open], .pop:not([hidden])")) return null;
  const steps = { z: shiftKey ? does.redo : does.undo, y: does.redo };
  const keys = { Escape: does.leave, "[": () => does.resize(-1), "]": () => does.resize(1) };
  return (ctrlKey || metaKey ? steps[key.toLowerCase()] : keys[key]) ?? null;
}

// How far an arrow key moves a brush that is `size` pixels of the screen across: [x, y]. Null for every other key.
export function wayOf({ key }, size) {
  return ARROWS[key]?.map((way) => way * Math.max(LEAST_STEP, size * STEP)) ?? null;
}

export const isAlone = ({ shiftKey, ctrlKey, metaKey, altKey }) => !(shiftKey || ctrlKey || metaKey || altKey);
