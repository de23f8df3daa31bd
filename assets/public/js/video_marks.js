// What is drawn on the frames of the video, as the server is told of it: sets of strokes by frame.
import { addStroke, asMarks, dropStroke, noMarks, readMarks } from "./marks.js";
import { readStrokes } from "./video_server.js";
import { video } from "./video_state.js";

const ALMOST = 0.01; // of a frame, since seconds are rounded

const sets = new Map(); // by the frame's number: {at, touch}, the second that it was drawn at, and the strokes
let told = "null"; // what the server has of them, as JSON
let newest = null; // the strokes that were changed last

const frameAt = (second) => Math.floor(second * video.status.clip.rate + ALMOST);
export const touchAt = (second) => video.status ? sets.get(frameAt(second))?.touch : null;
export const countStrokes = () => [...sets.values()].reduce((sum, { touch }) => sum + touch.done.length, 0);
export const drawnSeconds = () => [...sets.values()].filter(({ touch }) => touch.done.length).map(({ at }) => at);

function timedMarks() {
  const drawn = [...sets.values()].filter(({ touch }) => touch.done.length).sort((one, other) => one.at - other.at);
  return drawn.length ? drawn.map(({ at, touch }) => ({ at, marks: asMarks(touch) })) : null;
}

// What the server has to be told of them.
export function strokesChange() {
  const marks = timedMarks();
  return JSON.stringify(marks) === told ? {} : { marks };
}

export function acceptStrokes({ marks }) {
  if (marks !== undefined) told = JSON.stringify(marks);
}

export function addStrokeAt(second, size, pieces) {
  const number = frameAt(second);
  const set = sets.get(number) ?? { at: second, touch: noMarks() };
  set.at = Math.min(set.at, second);
  sets.set(number, set);
  newest = set.touch;
  addStroke(set.touch, size, pieces);
}

// `how` changes the strokes of a frame.
export function changeStrokesAt(second, how) {
  newest = touchAt(second);
  how(newest);
}

// The newest stroke cannot be used.
export function dropNewest() {
  if (newest?.done.length) dropStroke(newest);
}

export function forgetSets() {
  sets.clear();
  told = "null";
}

// Those of a video that is found again.
export async function recallSets({ id, marks }) {
  forgetSets();
  const list = marks ? await readStrokes(id) : [];
  for (const { at, marks: drawn } of list) sets.set(frameAt(at), { at, touch: readMarks(drawn) });
  told = JSON.stringify(timedMarks());
}
