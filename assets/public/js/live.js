// The camera on the Video tab: frame by frame the server finds the matte, and the browser cuts out with it. One frame is
// under way at a time, and the next one is the newest: what comes too fast is left out.
import { lookAfterServer } from "./connection.js";
import { $, announce, root } from "./dom.js";
import { beginPicture, endPicture, findMatte } from "./live_server.js";
import { beginPanel, drawPanel, isMirrored, showCameras } from "./live_panel.js";
import { endRecording } from "./live_files.js";
import { drawPicture, takeFrame } from "./live_picture.js";
import { onTab } from "./shell.js";
import { facts } from "./state.js";
import { changeVideoState } from "./video_state.js";
import { say } from "./words.js";

const WANTED = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30 } };
const LATEST = 30; // pictures of which rate and delay are made
const REST = 1000; // milliseconds before the next try to hear from the server
const GONE = "expired";
const REASONS = { NotAllowedError: "page.live.refused", SecurityError: "page.live.refused", NotReadableError: "page.live.in_use" };

let note = null; // over the tab
let live = null; // {stream, camera, id, model, drawn, isLost, isNew, wake} while the camera is on, or is asked for

// ---- the camera -----------------------------------------------------------------------------------------------------

async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) return "page.live.insecure";
  try {
    const video = deviceId ? { ...WANTED, deviceId: { exact: deviceId } } : { ...WANTED, facingMode: "user" };
    return await navigator.mediaDevices.getUserMedia({ video });
  } catch (error) {
    return REASONS[error.name] ?? "page.live.none";
  }
}

async function start(deviceId) {
  if (live && !live.stream) return; // the visitor is being asked
  endLive();
  note.tell(null);
  const mine = (live = { stream: null, id: null, model: null, drawn: [], isLost: false });
  const stream = await openCamera(deviceId);
  if (typeof stream === "string") {
    if (live === mine) live = null;
    return note.tell(() => say(stream));
  }
  Object.assign(mine, { stream, camera: $("live-source") });
  if (live !== mine) return stop(mine); // the visitor has gone on
  stream.getVideoTracks()[0].addEventListener("ended", () => { if (live === mine) endLive("page.live.unplugged"); });
  mine.camera.srcObject = stream;
  changeVideoState({ isLive: true });
  drawPanel(mine);
  showCameras(stream);
  $("live-title").focus({ preventScroll: true });
  await mine.camera.play().catch(() => {}); // it was ended already
  run(mine);
}

function stop({ stream, id, wake }) {
  wake?.();
  for (const track of stream?.getTracks() ?? []) track.stop();
  if (id) endPicture(id);
}

// `why`: the key of what is then said.
export function endLive(why = null) {
  if (!live) return;
  endRecording();
  stop(live);
  live = null;
  $("live-source").srcObject = null;
  changeVideoState({ isLive: false });
  if (why) note.tell(() => say(why));
}

// ---- frames ---------------------------------------------------------------------------------------------------------

// Notes when the camera has another frame, also while one is under way: the next one can then begin at once.
function watchFrames(mine) {
  const ask = (seen) => mine.camera.requestVideoFrameCallback?.(seen) ?? requestAnimationFrame(seen);
  const see = () => {
    if (live === mine) ask(see);
    mine.isNew = true;
    mine.wake?.();
  };
  ask(see);
}

async function nextFrame(mine) {
  if (!mine.isNew) await new Promise((wake) => { mine.wake = wake; });
  mine.isNew = false;
}

async function run(mine) {
  watchFrames(mine);
  while (live === mine) {
    try {
      await cutOne(mine);
    } catch (error) {
      if (live === mine) await recover(mine, error);
    }
  }
}

async function cutOne(mine) {
  if (!mine.id) Object.assign(mine, await beginPicture());
  await nextFrame(mine);
  if (live !== mine) return stop(mine);
  const taken = performance.now();
  const { matte, model } = await findMatte(mine.id, await takeFrame(mine.camera, isMirrored()));
  if (live !== mine) return;
  drawPicture(matte);
  matte.close();
  if (!mine.drawn.length) announce(say("page.live.on"));
  Object.assign(mine, { model, isLost: false, drawn: [...mine.drawn.slice(1 - LATEST), { at: performance.now(), delay: performance.now() - taken }] });
  drawPanel(mine);
}

// The server may have been started anew, or not answer for a while, which is said elsewhere; all else ends it.
async function recover(mine, error) {
  if (error.code === GONE) return Object.assign(mine, { id: null });
  if (error.code) {
    endLive();
    return error.code === "busy" ? note.tell(() => say("page.live.busy")) : note.fail(error);
  }
  Object.assign(mine, { isLost: true, drawn: [] });
  drawPanel(mine);
  lookAfterServer();
  await new Promise((done) => setTimeout(done, REST));
}

// A model has come: the next frame is for a new picture, which takes the best that is here.
function renew() {
  if (!live?.id) return;
  endPicture(live.id);
  live.id = null;
}

// ---- the page -------------------------------------------------------------------------------------------------------

export function beginLive(tabsNote) {
  note = tabsNote;
  $("video-live").hidden = !facts.offersLive;
  if (!facts.offersLive) return;
  beginPanel({ useCamera: start, renew });
  $("video-live").addEventListener("click", () => start());
  $("live-end").addEventListener("click", () => {
    endLive();
    $("video-live").focus();
  });
  onTab(() => { if (root.dataset.tab !== "video") endLive(); }); // no camera that nobody sees is on
  addEventListener("pagehide", () => endLive());
}
