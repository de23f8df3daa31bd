// The pictures on the stage: the photo while it is worked on, then before and after with the handle between them.
import { $, root } from "./dom.js";
import { now } from "./state.js";
import { renewView } from "./views.js";
import { onSpeak, say, sayTime } from "./words.js";

const REVEAL = 700; // milliseconds
const KEY_STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }; // percent

let shown = null; // the photo and the size of what is on the stage

function fit(width, height) {
  $("stage").style.setProperty("--ratio", width / height);
  $("stage").style.setProperty("--natural", `${width}px`);
  root.dataset.tall = width < 0.7 * height;
}

// The photo itself, as soon as the browser can show it.
export function showPhoto(url) {
  const before = $("before");
  root.dataset.picture = "none";
  before.removeAttribute("src");
  before.onload = () => {
    before.onload = null;
    if (now.result) return;
    fit(before.naturalWidth, before.naturalHeight);
    root.dataset.picture = "preview";
  };
  before.src = url;
  $("after").removeAttribute("src");
  shown = null;
  renewView(false);
}

export function showResult(result) {
  $("before").onload = null;
  $("before").src = result.before;
  $("after").src = result.after;
  $("after").dataset.sayAlt = result.after === result.matte ? "page.matte_alt" : "page.after_alt";
  $("after").alt = say($("after").dataset.sayAlt);
  fit(result.width, result.height);
  root.dataset.picture = "result";
  root.dataset.ownAlpha = result.own_alpha;
  $("download").href = result.download + encodeURIComponent(result.file);
  $("download").download = result.file;
  describeResult(result);
  const looks = [now.photo.id, result.width, result.height].join();
  renewView(looks === shown);
  shown = looks;
}

const unbroken = (words) => words.replaceAll(" ", "\u00a0");

function describeResult(result) {
  $("facts").textContent = [sayTime(result.seconds), say("page.size", result)].filter(Boolean).map(unbroken).join(" · ");
  $("engine").textContent = say("page.engine", result);
  const framing = result.frame[now.language];
  $("frame-facts").textContent = framing;
  $("frame-facts").hidden = !framing;
  labelDownload();
}

// The one primary button says what it gives: "Download PNG", "Download JPG".
export function labelDownload() {
  if (now.result) $("download").textContent = say("page.download", { kind: now.result.file.split(".").pop().toUpperCase() });
}

let revealing = 0; // the number of the wipe under way, which whoever takes the handle ends

function setSplit(percent) {
  $("split").value = percent; // which keeps it from 0 to 100
  $("frame").style.setProperty("--split", `${$("split").value}%`);
}

export function split(percent) {
  revealing += 1;
  setSplit(percent);
}

// The first time, the handle wipes the background away: it shows what it is for.
export function reveal() {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return split(0);
  const start = performance.now();
  split(100);
  const number = revealing;
  const step = (time) => {
    if (number !== revealing) return;
    const part = Math.min(1, (time - start) / REVEAL);
    setSplit(100 * (1 - part) ** 3);
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

// A pointer sets the handle to a tenth of a percent; by keys that would take all day.
function splitByKey(event) {
  const step = KEY_STEPS[event.key];
  if (!step || event.shiftKey) return;
  event.preventDefault();
  split(Math.round($("split").valueAsNumber) + step);
}

export function beginStage() {
  $("split").addEventListener("input", (event) => split(event.target.value));
  $("split").addEventListener("keydown", splitByKey);
  onSpeak(() => now.result && describeResult(now.result));
}
