// Another video behind the subject, chosen on the Video tab. Without one the picture of the Photo tab is there, if any.
import { pictureBehind, pictureChange } from "./batch_settings.js";
import { $, make, write } from "./dom.js";
import { isVideo } from "./files.js";
import { say } from "./words.js";
import { video } from "./video_state.js";

const KINDS = "video/*,.mkv";

let chosen = null; // the file; false: none any more; null: as the server knows it

const told = () => video.status?.background_image ?? null;
const isClip = (file) => Boolean(file) && isVideo({ type: "", name: file.name });

const clipBehind = () => (chosen ?? (isClip(told()) ? told() : null)) || null;

export const hasClipBehind = () => Boolean(clipBehind());

// The options of a frame with what can be behind it. Without a word about that, what the server has would be.
export function withBehind(options) {
  if (hasClipBehind()) return { ...options, background: "image" };
  const hasPicture = pictureBehind() || (told() && !isClip(told()));
  if (options.background === "image" && !hasPicture) return { ...options, background: "transparent" };
  return isClip(told()) ? { background: "transparent", ...options } : options;
}

// What is to become of it, as the server is told.
export function behindChange({ background }) {
  const file = clipBehind();
  if (file) return file === told() ? {} : { background_image: file };
  return isClip(told()) && !pictureBehind() ? { background_image: null } : pictureChange(background, told());
}

// What was sent is there; or it was refused, and what was before is there again.
export function forgetChosen() {
  chosen = null;
}

export const drawBehind = () => write($("video-behind"), hasClipBehind() ? say("page.video.behind.none", { name: clipBehind().name }) : say("page.video.behind"));

export function beginBehind(changed) {
  $("video-behind").addEventListener("click", () => {
    if (hasClipBehind()) {
      chosen = false;
      return changed();
    }
    const input = make("input", { type: "file", accept: KINDS });
    input.addEventListener("change", () => {
      [chosen] = input.files;
      changed();
    });
    input.click();
  });
}
