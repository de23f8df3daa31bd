// Where the subject stands in its frame at settings that the result on the screen may not have yet, in fractions of the
// frame's width and height: as `move_subject` of the pipeline has it.
import { now } from "./state.js";

const KEPT = 0.1; // of the subject, or of the frame: what stays in sight

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

// The part of the subject along one side of the frame: at its place, times `scale`, moved by `offset`.
function standAlong(axis, scale, offset) {
  const { box, pivot, offset: moved } = now.result.stand;
  const still = pivot[axis] - moved[axis];
  const [low, high] = [0, 2].map((end) => still + (box[axis + end] - pivot[axis]) * scale);
  const kept = KEPT * Math.min(high - low, 1);
  const way = offset ? clamp(offset, kept - high, 1 - kept - low) : 0;
  return { low: low + way, high: high + way, way, shift: way - moved[axis] };
}

// `box`, and `offset` as far as it can be had; `scale`, `shift` and `pivot`: how the result's picture comes to look so.
export function standAt({ offset_x: x, offset_y: y, scale: percent }) {
  const scale = percent / now.result.options.scale;
  const [across, down] = [standAlong(0, scale, x / 100), standAlong(1, scale, y / 100)];
  return {
    box: [across.low, down.low, across.high, down.high], offset: [across.way, down.way],
    scale, shift: [across.shift, down.shift], pivot: now.result.stand.pivot,
  };
}
