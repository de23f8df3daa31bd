// Strokes of a round brush on any picture: their points and widths in its own pixels, and how they look while they are fresh.
// `rect` is where the picture is on the screen, `size` its width and height in its own pixels.
import { root } from "./dom.js";

const RADIUS = { least: 0.5, most: 2000 }; // pixels of the picture
const APART = 1 / 8; // of the radius, between two points of a stroke
const DOT = 0.01; // pixels that make a line of a point: of one without length nothing is drawn
const STEADY = 10; // steps of a pen's pressure, for one size; half of all its pressure is the size as chosen
export const SIZES = { least: 4, most: 200, step: 1.15, usual: Math.min(40, Math.round(innerWidth / 16)) }; // pixels of the screen, across; on a phone a photo is small

export const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const rounded = (value) => Math.round(value * 100) / 100;

export const boundSize = (size) => Math.round(clamp(size, SIZES.least, SIZES.most));
export const nextSize = (size, way) => boundSize(size * SIZES.step ** way + way / 2);

export function pressureOf({ pointerType, pressure }) {
  return pointerType === "pen" && pressure > 0 ? Math.max(1, Math.round(2 * pressure * STEADY)) / STEADY : 1;
}

export function pointOn({ left, top, width, height }, [wide, high], { clientX, clientY }) {
  return [rounded((clientX - left) / width * wide), rounded((clientY - top) / height * high)];
}

// Of a brush that is `across` pixels of the screen wide.
export function radiusOn(rect, size, across, event) {
  return rounded(clamp(across / 2 * pressureOf(event) * size[0] / rect.width, RADIUS.least, RADIUS.most));
}

// A stroke goes on; another radius begins another piece of it.
export function lengthen(pieces, point, radius) {
  const piece = pieces.at(-1);
  const last = piece.points.at(-1);
  if (Math.hypot(point[0] - last[0], point[1] - last[1]) < radius * APART) return;
  if (radius === piece.radius) piece.points.push(point);
  else pieces.push({ ...piece, radius, points: [last, point] });
}

// Between two events a hand may have been seen more often.
export function eventsOf(event) {
  const between = event.getCoalescedEvents?.() ?? [];
  return between.length ? between : [event];
}

// These strokes on the canvas, and nothing else.
export function paint(canvas, { left, top, width, height }, size, pieces) {
  const frame = canvas.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [frame.width * scale, frame.height * scale]; // which clears it
  if (!pieces.length) return;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale * width / size[0], 0, 0, scale * height / size[1], scale * (left - frame.left), scale * (top - frame.top));
  for (const piece of pieces) trace(pen, piece);
}

function trace(pen, { kind, radius, points }) {
  pen.strokeStyle = getComputedStyle(root).getPropertyValue(`--${kind}`);
  Object.assign(pen, { lineWidth: 2 * radius, lineCap: "round", lineJoin: "round" });
  pen.beginPath();
  pen.moveTo(points[0][0] + DOT, points[0][1]);
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}
