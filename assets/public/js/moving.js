// A photo that moves, a GIF say: its first picture is cut out as any photo, and the whole animation is offered beside it.
import { $ } from "./dom.js";
import { hideBar, isBarShown, showBar } from "./batch_bar.js";
import { isAnimation } from "./files.js";
import { onMessage } from "./photo.js";
import { now } from "./state.js";
import { idOfFile } from "./store.js";
import { openVideo } from "./video.js";
import { say } from "./words.js";

const MOVES = "animated"; // the warning, which files of several pages have as well
const declined = new Set(); // ids of files

function offer({ state, warnings }) {
  const file = now.photo?.file;
  if (state !== "done" || !warnings.includes(MOVES) || !file || !isAnimation(file)) return;
  const id = idOfFile(file);
  if (isBarShown() || declined.has(id)) return;
  const decline = () => {
    declined.add(id);
    hideBar();
    $("frame").focus();
  };
  showBar({
    file: id,
    text: () => say("page.moving"),
    does: { text: () => say("page.moving.all"), act: () => openVideo(file) },
    leaves: { text: () => say("page.moving.first"), act: decline },
  });
}

export const beginMoving = () => onMessage(offer);
