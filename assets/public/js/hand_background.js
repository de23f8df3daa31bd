// The tool that places the picture behind the subject: dragged, and larger by the wheel, two fingers or keys.
import { $ } from "./dom.js";
import { pictureBox, showPicture } from "./hand_live.js";
import { facts, now } from "./state.js";
import { say } from "./words.js";

const NONE = 1e-3; // of the frame: what a picture has to spare, or lacks, before it can be moved
const { minimum: LEAST, maximum: MOST } = facts.limits.background_zoom;

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const rounded = (value) => Math.round(value * 100) / 100;

// Moved by fractions of the frame; along a side that the picture just fills it cannot be.
function moveBy(settings, x, y) {
  const { background_fit: fit, background_x: across, background_y: down, background_zoom: zoom } = settings;
  const { width, height } = pictureBox($("live-behind"), { fit, x: across, y: down, zoom });
  const along = (at, way, side) => Math.abs(1 - side) < NONE ? at : rounded(clamp(at + 100 * way / (1 - side), 0, 100));
  return { background_x: along(across, x, width), background_y: along(down, y, height) };
}

export const background = {
  isOffered: ({ background: kind, format }) => kind === "image" && Boolean(now.result?.behind) && !facts.bare.includes(format),
  drag: (start, way) => moveBy(start, way.x, way.y),
  grow: ({ background_zoom: zoom }, factor) => ({ background_zoom: Math.round(clamp(zoom * factor, LEAST, MOST)) }),
  step: (settings, [x, y]) => moveBy(settings, x / now.result.width, y / now.result.height),
  plain: () => Object.fromEntries(["background_x", "background_y", "background_zoom"].map((name) => [name, facts.defaults[name]])),
  describe: ({ background_x: x, background_y: y, background_zoom: zoom }) => say("page.hand.placed", { x: Math.round(x), y: Math.round(y), zoom: Math.round(zoom) }),
  draw: showPicture,
};
