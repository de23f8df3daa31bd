// Whether the server is still there while one waits for it.
import { root, showNotice } from "./dom.js";
import { isWorking, now } from "./state.js";
import { say } from "./words.js";

const LOOK_EVERY = 5000; // milliseconds
let looked = 0;

export async function lookAfterServer() {
  looked = performance.now();
  try {
    await fetch("healthz");
  } catch {
    root.dataset.state = "error";
    showNotice(say("page.lost"), "error");
  }
}

// To be called as often as one likes.
export function lookNowAndThen() {
  if (isWorking() && performance.now() - Math.max(looked, now.since) >= LOOK_EVERY) lookAfterServer();
}
