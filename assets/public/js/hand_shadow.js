// The tool that drags a drop shadow to where it is to fall.
import { $ } from "./dom.js";
import { standAt } from "./hand_stand.js";
import { facts, now } from "./state.js";
import { say } from "./words.js";

const STEP = 0.5; // percent, by an arrow key
const { minimum: LEAST, maximum: MOST } = facts.limits.shadow_x;

const rounded = (value) => Math.round(Math.min(Math.max(value, LEAST), MOST) * 10) / 10;
const fallsTo = (x, y) => ({ shadow_x: rounded(x), shadow_y: rounded(y) });

// One percent of the subject, in fractions of the frame's width and height.
function percentOf(settings) {
  const { width, height } = now.result;
  const [left, top, right, bottom] = standAt(settings).box;
  const longer = Math.max((right - left) * width, (bottom - top) * height);
  return { x: longer / width / 100, y: longer / height / 100 };
}

export const shadow = {
  isOffered: ({ shadow: kind, format }) => kind === "drop" && !facts.bare.includes(format),
  drag: (start, way) => {
    const percent = percentOf(start);
    return fallsTo(start.shadow_x + way.x / percent.x, start.shadow_y + way.y / percent.y);
  },
  grow: () => null,
  step: ({ shadow_x: x, shadow_y: y }, [right, down]) => fallsTo(x + right * STEP, y + down * STEP),
  plain: () => ({ shadow_x: facts.defaults.shadow_x, shadow_y: facts.defaults.shadow_y }),
  describe: ({ shadow_x: x, shadow_y: y }) => say("page.hand.shadowed", { x, y }),
  draw: (settings) => {
    const { style } = $("hand-dial");
    const percent = percentOf(settings);
    const [left, top, right, bottom] = standAt(settings).box;
    const { width, height } = $("hand").getBoundingClientRect();
    const [x, y] = [settings.shadow_x * percent.x * width, settings.shadow_y * percent.y * height];
    style.left = `${50 * (left + right)}%`;
    style.top = `${50 * (top + bottom)}%`;
    style.setProperty("--x", `${x}px`);
    style.setProperty("--y", `${y}px`);
    style.setProperty("--long", `${Math.hypot(x, y)}px`);
    style.setProperty("--angle", `${Math.atan2(y, x)}rad`);
  },
};
