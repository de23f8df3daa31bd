// The result as it will be, drawn by the browser from what it has until the server's is there: the subject moved and
// scaled, its shadow, and what stands behind it.
import { fileBehind } from "./bridge.js";
import { $, root } from "./dom.js";
import { standAt } from "./hand_stand.js";
import { facts, now } from "./state.js";

const SHOWN = ["crop_box", "offset_x", "offset_y", "scale", "shadow_x", "shadow_y", "background_x", "background_y", "background_zoom"];
const OWN = ["blur", "original"]; // the photo's own background, which moves with the subject

let behind = { file: null, url: "" }; // the picture that stands behind, and its address

const isBare = ({ format }) => facts.bare.includes(format);

// Whether the result on the screen lacks something that a hand has done, or a slider that does the same.
export const isBehind = (settings) => Boolean(now.result) && SHOWN.some((name) => settings[name] !== now.result.options[name]);

// `settings` that the result on the screen does not have are drawn over it; null: none.
export function drawLive(settings) {
  const { result } = now;
  const live = settings !== null && isBehind(settings);
  root.toggleAttribute("data-live", live);
  if (!live) return;
  const { scale, shift, pivot, box } = standAt(settings);
  const isWhole = isBare(settings) || OWN.includes(settings.background); // all of the picture moves
  const isPlain = settings.background === "transparent" && settings.shadow === "none";
  const subject = $("live-subject");
  if (subject.getAttribute("src") !== result.after) subject.src = result.after;
  const mask = isWhole || isPlain ? "none" : `url("${new URL(result.matte, document.baseURI)}")`;
  Object.assign(subject.style, {
    maskImage: mask, transformOrigin: `${100 * pivot[0]}% ${100 * pivot[1]}%`, transform: `translate(${100 * shift[0]}%, ${100 * shift[1]}%) scale(${scale})`,
  });
  $("live-shadow").style.filter = isWhole ? "none" : shadowOf(settings, box);
  drawBehind(settings, isWhole);
}

function shadowOf({ shadow, shadow_x: x, shadow_y: y, shadow_blur: blur, shadow_strength: strength }, box) {
  if (shadow !== "drop") return "none";
  const { width, height } = $("live").getBoundingClientRect();
  const percent = Math.max((box[2] - box[0]) * width, (box[3] - box[1]) * height) / 100;
  return `drop-shadow(${x * percent}px ${y * percent}px ${blur * percent / 2}px rgb(0 0 0 / ${strength}%))`;
}

function drawBehind(settings, isWhole) {
  const { background, background_color: one, background_color_2: other, background_angle: angle, format } = settings;
  const isOpaque = background === "color" || (background === "transparent" && facts.opaque.includes(format)) || background === "image";
  const gradient = background === "gradient" ? `linear-gradient(${angle}deg, ${one}, ${other})` : "none";
  Object.assign($("live").style, { backgroundColor: isOpaque && !isWhole ? one : "transparent", backgroundImage: isWhole ? "none" : gradient });
  $("live-behind").hidden = background !== "image" || isWhole;
  if (!$("live-behind").hidden) showPicture(settings);
}

export function showPicture({ background_fit: fit, background_x: x, background_y: y, background_zoom: zoom }) {
  const file = fileBehind(now.result.behind) ?? now.behind;
  if (file && file !== behind.file) {
    URL.revokeObjectURL(behind.url);
    behind = { file, url: URL.createObjectURL(file) };
    $("live-behind").src = behind.url;
  }
  const { left, top, width, height } = pictureBox($("live-behind"), { fit, x, y, zoom });
  Object.assign($("live-behind").style, { left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * width}%`, height: `${100 * height}%`, right: "auto", bottom: "auto" });
}

// Where a picture lies behind the subject, in fractions of the frame: as `fit_picture` of the pipeline places it.
export function pictureBox({ naturalWidth, naturalHeight }, { fit, x, y, zoom }) {
  const frame = [now.result.width, now.result.height];
  const sides = [frame[0] / (naturalWidth || 1), frame[1] / (naturalHeight || 1)];
  const scale = (fit === "fill" ? Math.max(...sides) : Math.min(...sides)) * zoom / 100;
  const [width, height] = sides.map((side) => scale / side);
  return { left: (1 - width) * x / 100, top: (1 - height) * y / 100, width, height };
}
