// Whether the server still answers: looked at now and then, said where it does not, and what to do once it is back.
import { root, showNotice } from "./dom.js";
import { isWorking, now } from "./state.js";
import { leaveWord, takeWord } from "./store.js";
import { onSpeak, say } from "./words.js";

const LOOK_EVERY = 2000; // milliseconds, while something is waited for or the server is away
const LOOK_IDLY = 4000;
const PATIENCE = 2500;

const watchers = [];
let looked = 0;
let looking = null; // the look under way
let run = null; // of the server that answered last
let broken = false; // since the last answer: not only slow

export const isAway = () => root.dataset.server === "away";

// Told when the server is back, and whether what it had been asked before is lost.
export function onReturn(watcher) {
  watchers.push(watcher);
}

export function lookAfterServer() {
  looking ??= look().finally(() => { looking = null; });
  return looking;
}

async function look() {
  looked = performance.now();
  try {
    const answer = await fetch("healthz", { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) throw new Error("no answer of its own");
    welcome(await answer.json());
  } catch (error) {
    broken ||= error.name !== "TimeoutError";
    miss();
  }
}

function miss() {
  root.dataset.server = "away";
  if (now.photo) leaveWord("page.back"); // for after a reload, which Gradio begins too
  showNotice(say("page.lost"), "error", { text: say("page.again"), does: lookAfterServer });
}

function welcome({ run: newest }) {
  const lost = broken || (run !== null && newest !== run);
  [run, broken] = [newest, false];
  if (!isAway()) return;
  delete root.dataset.server;
  takeWord();
  showNotice("");
  for (const watcher of watchers) watcher(lost);
}

// To be called as often as one likes.
export function lookNowAndThen() {
  const waiting = isWorking() || isAway();
  if (document.hidden && !waiting) return;
  const since = Math.max(looked, isWorking() ? now.since : 0);
  if (performance.now() - since >= (waiting ? LOOK_EVERY : LOOK_IDLY)) lookAfterServer();
}

export function beginConnection() {
  lookAfterServer();
  setInterval(lookNowAndThen, 500);
  onSpeak(() => { if (isAway()) miss(); });
}
