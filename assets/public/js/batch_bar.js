// The bar over the Photo tab: a photo of the batch is open here, or there is more in what was given, other photos or frames.
import { $, root, write } from "./dom.js";
import { onBatch } from "./batch_state.js";
import { onPhoto } from "./photo.js";
import { idOfFile, setOpenedItem } from "./store.js";
import { onSpeak } from "./words.js";

let shown = null;
const buttons = ["does", "leaves"];

function draw() {
  $("batch-bar").hidden = !shown;
  if (!shown) return;
  write($("batch-bar-text"), shown.text());
  for (const name of buttons) write($(`batch-bar-${name}`), shown[name].text());
}

// `bar`: {file, text, does, leaves}, `file` the id of the photo that it goes with, `text` what it says, as a function
// since languages change; each of the two buttons {text, act}.
export function showBar(bar) {
  shown = bar;
  draw();
}

export const isBarShown = () => Boolean(shown);

export function hideBar() {
  setOpenedItem(null);
  showBar(null);
}

export function beginBar() {
  for (const name of buttons) $(`batch-bar-${name}`).addEventListener("click", () => shown[name].act());
  new ResizeObserver(() => root.style.setProperty("--bar", `${$("batch-bar").offsetHeight && $("batch-bar").offsetHeight + 16}px`)).observe($("batch-bar")); // under which messages stand
  onPhoto((photo) => { if (shown && (!photo || idOfFile(photo.file) !== shown.file)) hideBar(); });
  onBatch(draw);
  onSpeak(draw);
}
