// A photo that moves, a GIF say: its first picture is cut out as any photo, which a bar says, and offers the whole animation.
import { $ } from "./dom.js";
import { hideBar, isBarShown, showBar } from "./batch_bar.js";
import { isAnimation } from "./files.js";
import { now } from "./state.js";
import { idOfFile } from "./store.js";
import { openVideo } from "./video.js";
import { ownWarning } from "./warnings.js";
import { say } from "./words.js";

const MOVES = "animated"; // the warning, which files of several pages have as well
const answered = new Set(); // ids of files
let offered = null; // the id of the one that the bar is about, or was

// Returns whether the bar says it, or has said it. It is not taken from a batch.
function offer() {
  const { file } = now.photo;
  const id = file && idOfFile(file);
  if (!file || !isAnimation(file)) return false;
  if (answered.has(id) || offered === id && isBarShown()) return true;
  if (isBarShown()) return false;
  offered = id;
  showBar({
    file: id,
    text: () => say("page.moving"),
    does: { text: () => say("page.moving.all"), act: () => openVideo(file) },
    leaves: { text: () => say("page.moving.first"), act: () => decline(id) },
  });
  return true;
}

function decline(id) {
  answered.add(id);
  hideBar();
  $("frame").focus();
}

export const beginMoving = () => ownWarning(MOVES, offer);
