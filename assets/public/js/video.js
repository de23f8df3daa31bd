// The Video tab: a clip is sent, its frames are tried, the server cuts it out, whether or not this page is open.
import { $, make, root } from "./dom.js";
import { isAway, lookAfterServer, onReturn } from "./connection.js";
import { VIDEOS } from "./files.js";
import { beginLive, endLive } from "./live.js";
import { makeNote } from "./note.js";
import { ask } from "./question.js";
import { onSettings } from "./settings.js";
import { onTab, showTab } from "./shell.js";
import { currentVideo, setCurrentVideo } from "./store.js";
import { facts } from "./state.js";
import { beginBehind, behindChange, forgetChosen } from "./video_behind.js";
import { beginForm, chooseUsualFormat, fillForm, optionsOfFrames, optionsOfVideo, speakForm } from "./video_form.js";
import { acceptStrokes, strokesChange } from "./video_marks.js";
import { changeVideo, deleteVideo, followVideo, readVideo, sendVideo } from "./video_server.js";
import { changeVideoState, onVideo, phaseOf, video } from "./video_state.js";
import { beginVideoStrokes, forgetStrokes, prepareStrokes, recallStrokes, refuseStroke } from "./video_strokes.js";
import { beginView, drawVideo, speakView, stopTrying, tryFrame } from "./video_view.js";
import { onSpeak, say } from "./words.js";

const GONE = "expired";
const REST = 3000; // milliseconds before the next try to hear from the server

let unfollow = () => {};
let sending = null; // the clip on its way, an AbortController
let note = null; // over the video

// ---- what is said ---------------------------------------------------------------------------------------------------

const tell = (words) => note.tell(words);
const fail = (error) => error.code === GONE ? lose() : note.fail(error);

async function attempt(deed) {
  try {
    await deed();
  } catch (error) {
    fail(error);
  }
}

// ---- following a video ----------------------------------------------------------------------------------------------

function take(status) {
  const failed = status.state === "failed" && video.status?.state !== "failed";
  changeVideoState({ status });
  if (failed) fail(status.error);
  if (phaseOf(video) !== "working") unfollow();
  if (phaseOf(video) === "ready") renewFrame();
}

function follow({ id }) {
  unfollow();
  unfollow = followVideo(id, {
    status: (status) => { if (video.status?.id === id) take(status); },
    closed: () => setTimeout(() => { if (video.status?.id === id && !isAway()) returnTo(id); }, REST),
  });
}

async function returnTo(id) {
  try {
    const status = await readVideo(id);
    const isNew = !video.status;
    changeVideoState({ status });
    if (isNew) {
      fillForm();
      await recallStrokes(status);
    }
    take(status);
    if (phaseOf(video) === "working") follow(status);
  } catch (error) {
    if (error.code === GONE) lose();
    else setTimeout(lookAfterServer, REST);
  }
}

function lose() {
  leave();
  tell(() => say("page.video.gone"));
}

function leave() {
  unfollow();
  stopTrying();
  sending?.abort();
  setCurrentVideo(null);
  forgetStrokes();
  forgetChosen();
  changeVideoState({ status: null, sent: null });
}

// ---- one frame ------------------------------------------------------------------------------------------------------

async function prepareFrame() {
  const frame = prepareStrokes(optionsOfFrames());
  const [{ background_image: behind }, changes] = [behindChange(optionsOfFrames()), strokesChange()];
  if (behind) changes.background_image = behind;
  if (Object.keys(changes).length) await tellChanges(changes);
  return frame;
}

async function tellChanges(changes) {
  try {
    changeVideoState({ status: await changeVideo(video.status.id, changes) });
    acceptStrokes(changes);
    if (changes.background_image) forgetChosen();
  } catch (error) {
    if (changes.background_image) {
      forgetChosen();
      chooseUsualFormat();
    }
    if (error.code === "bad_marks") refuseStroke();
    throw error;
  }
}

function renewFrame() {
  if (phaseOf(video) === "ready" && root.dataset.tab === "video") tryFrame(prepareFrame, fail);
}

// ---- a clip comes ---------------------------------------------------------------------------------------------------

function faultOfClip(file) {
  const { mb } = facts.videoLimits;
  if (file.size === 0) return { code: "empty_file", facts: { name: file.name } };
  if (mb && file.size > mb * 1e6) return { code: "too_large", facts: { name: file.name, megabytes: Math.round(file.size / 1e5) / 10, limit: mb } };
  return null;
}

export async function openVideo(file) {
  showTab("video");
  const fault = faultOfClip(file);
  if (fault) return fail(fault);
  if (!await mayForget()) return;
  endLive();
  await forgetVideo();
  tell(null);
  sending = new AbortController();
  const { signal } = sending;
  changeVideoState({ sent: 0, name: file.name });
  try {
    const status = await sendVideo(file, (sent) => { if (!signal.aborted) changeVideoState({ sent }); }, signal);
    changeVideoState({ sent: null, status });
    setCurrentVideo(status.id);
    fillForm();
    take(status);
    $("video-title").focus({ preventScroll: true });
  } catch (error) {
    changeVideoState({ sent: null });
    if (!signal.aborted) fail(error);
  }
}

function choose() {
  const input = make("input", { type: "file", accept: VIDEOS });
  input.addEventListener("change", () => openVideo(input.files[0]));
  input.click();
}

// ---- what a button does ---------------------------------------------------------------------------------------------

// Asks where something that was made would be lost.
async function mayForget() {
  const phase = phaseOf(video);
  if (phase !== "done" && phase !== "working") return true;
  return ask({ title: say("page.video.sure.title"), question: say("page.video.sure"), yes: say("page.video.sure.yes") });
}

const begin = () => attempt(async () => {
  stopTrying();
  tell(null);
  const strokes = strokesChange();
  const status = await changeVideo(video.status.id, { state: "running", options: optionsOfVideo(), ...behindChange(optionsOfFrames()), ...strokes });
  acceptStrokes(strokes);
  forgetChosen();
  take(status);
  follow(status);
  $("video-title").focus({ preventScroll: true });
});

const cancel = () => attempt(async () => {
  if (video.sent !== null) return leave();
  take(await changeVideo(video.status.id, { state: "ready" }));
});

const again = async () => {
  if (await mayForget()) await cancel();
};

async function forgetVideo() {
  if (!video.status) return;
  const { id } = video.status;
  leave();
  await attempt(() => deleteVideo(id));
}

async function startOver() {
  if (!await mayForget()) return;
  sending?.abort();
  await forgetVideo();
  tell(null);
  $("video-choose").focus();
}

// ---- the page -------------------------------------------------------------------------------------------------------

export function beginVideo() {
  note = makeNote("video-note");
  beginForm();
  beginBehind(() => {
    chooseUsualFormat();
    renewFrame();
  });
  beginView();
  beginVideoStrokes(renewFrame);
  beginLive(note);
  const does = { choose, begin, cancel, again, new: startOver, "to-photo": () => showTab("photo") };
  for (const [name, act] of Object.entries(does)) $(`video-${name}`).addEventListener("click", act);
  $("video-at").addEventListener("input", renewFrame);
  $("about-forget").addEventListener("click", forgetVideo);
  onVideo(drawVideo);
  onSettings(renewFrame);
  onTab(renewFrame);
  onSpeak(() => {
    speakForm();
    speakView();
  });
  onReturn(() => { if (video.status) returnTo(video.status.id); });
  if (currentVideo()) returnTo(currentVideo());
}
