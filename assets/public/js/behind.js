// The picture for behind the subject: what cannot be one is said, and the background goes back to what it was.
import { stopWork } from "./bridge.js";
import { lookAfterServer } from "./connection.js";
import { faultOf, failureOf, isAboutBehind, onMessage, receive } from "./photo.js";
import { leavePictureBehind } from "./settings.js";
import { now } from "./state.js";

const refuse = (message) => receive({ ...message, facts: { ...message.facts, name: now.behind.name, part: "background" } });

// As `acceptFile` of the photo.
export function acceptBehind(file) {
  now.behind = file;
  const fault = faultOf(file);
  if (fault) refuse(fault);
  else if (now.photo) receive({ state: "working", run: now.run, step: "sending_behind" });
  return !fault;
}

export const behindFailed = (answer) => refuse(failureOf(answer));

export function behindLost() {
  behindFailed({});
  lookAfterServer();
}

// That of the result that is shown, which Gradio is given back.
export function lastPictureBehind() {
  const mark = (now.result ?? now.earlier?.result)?.behind ?? null;
  return mark?.file === now.refused?.behind?.file ? null : mark;
}

// Where the result has a picture behind, that again; else the background before a picture was asked for.
function goBack(message) {
  if (!isAboutBehind(message) || message === now.refused) return;
  now.refused = message;
  if (now.result?.options.background === "image" && lastPictureBehind()) {
    message.toldWith = message;
    stopWork();
  } else leavePictureBehind();
}

export function beginBehind() {
  onMessage(goBack);
}
