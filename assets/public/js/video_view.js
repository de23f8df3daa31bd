// What is seen of the video: its frames while settings are tried, how far it is, the new file.
import { $, announce, make, root, write } from "./dom.js";
import { facts } from "./state.js";
import { showsAlpha } from "./video_alpha.js";
import { beginBefore, hideBefore, showBefore } from "./video_before.js";
import { drawForm } from "./video_form.js";
import { cutFrame, newestFrame, resultOf } from "./video_server.js";
import { phaseOf, video } from "./video_state.js";
import { say, titleOf } from "./words.js";

const SOON = 150; // milliseconds in which a scrubber may move on
const PAUSE = 1000; // milliseconds between looks at what is being made
const KINDS = { webm: "video/webm", mp4: "video/mp4", mov: "video/quicktime" };
const PICTURES = ["gif", "webp", "apng"];

let wanted = null; // the frame that is asked for next, {prepare, fail}
let isTrying = false;
let isLooking = false;
let stops = 0; // how often frames were no longer wanted
let shown = ""; // the id of the video whose result is shown

const number = (value) => value.toLocaleString(root.lang, { maximumFractionDigits: 2 });

// ---- one frame ------------------------------------------------------------------------------------------------------

// One at a time, and then the newest that is asked for: what is under way is not given up, since that costs the server
// more than to finish it. `prepare` returns {second, options, seen}, where `seen` is called once the frame is; `fail` hears what is wrong.
export async function tryFrame(prepare, fail) {
  wanted = { prepare, fail };
  if (isTrying) return;
  isTrying = true;
  while (wanted) {
    const newest = wanted;
    await new Promise((done) => setTimeout(done, SOON));
    if (wanted !== newest) continue;
    wanted = null;
    await cutOne(newest);
  }
  isTrying = false;
  write($("video-trying"), "");
}

async function cutOne({ prepare, fail }) {
  const { id } = video.status;
  const before = stops;
  write($("video-trying"), say("page.video.trying"));
  try {
    const { second, options, seen } = await prepare();
    const url = await cutFrame(id, second, options);
    if (stops === before) showFrame(url, seen);
  } catch (error) {
    if (stops === before) fail(error);
  }
}

function showFrame(url, seen) {
  const frame = $("video-frame");
  if (frame.src.startsWith("blob:")) URL.revokeObjectURL(frame.src);
  frame.onload = () => {
    setRatio(frame.naturalWidth, frame.naturalHeight);
    seen();
  };
  frame.src = url;
  frame.hidden = false;
}

const setRatio = (width, height) => $("video-stage").parentElement.style.setProperty("--ratio", width / height);

// The newest frame that was made, in place of the one that was tried.
async function lookAtNewest({ id }) {
  if (isLooking) return;
  isLooking = true;
  const url = await newestFrame(id).catch(() => null);
  if (url && phaseOf(video) === "working" && video.status.id === id) showFrame(url, () => {});
  setTimeout(() => { isLooking = false; }, PAUSE);
}

export function stopTrying() {
  wanted = null;
  stops += 1;
}

// ---- the new file ---------------------------------------------------------------------------------------------------

function showResult(status) {
  const { id, result } = status;
  if (shown === id) return;
  shown = id;
  const kind = result.name.split(".").pop();
  const player = $("video-player");
  $("video-frame").hidden = !PICTURES.includes(kind);
  player.hidden = !(kind in KINDS) || !player.canPlayType(KINDS[kind]);
  $("video-unseen").hidden = PICTURES.includes(kind) || !player.hidden;
  if (PICTURES.includes(kind)) $("video-frame").src = resultOf(id);
  if (player.hidden) return;
  player.src = resultOf(id);
  showBefore(status);
  if (kind === "webm" && (status.options.background ?? "transparent") === "transparent") tellOpaque(id);
}

// Where the browser shows black in the place of what is transparent, it is said.
async function tellOpaque(id) {
  const isShown = await showsAlpha();
  if (shown === id) $("video-opaque").hidden = isShown;
}

function hideResult() {
  if (!shown) return;
  shown = "";
  $("video-player").removeAttribute("src");
  $("video-player").load();
  hideBefore();
  for (const name of ["player", "unseen", "frame", "opaque"]) $(`video-${name}`).hidden = true;
}

function giveUpPlaying() {
  if (!shown) return;
  $("video-player").hidden = $("video-opaque").hidden = true;
  $("video-unseen").hidden = false;
  hideBefore();
}

// ---- words ----------------------------------------------------------------------------------------------------------

function sayLeft(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return say("page.video.left.seconds", { seconds });
  return say("page.batch.left.minutes", { minutes: Math.round(seconds / 60) });
}

function sayState({ status, sent }) {
  if (sent !== null) return say("page.video.sending", { percent: Math.round(100 * sent) });
  if (status.state === "waiting") return say("page.video.waiting");
  if (!status.frames) return say("page.video.beginning");
  return status.total ? say("page.video.frames_of", { frames: number(status.frames), total: number(status.total) }) : say("page.video.frames", { frames: number(status.frames) });
}

function drawGoing() {
  const { status, sent } = video;
  write($("video-state"), sayState(video));
  const bar = $("video-progress");
  if (sent !== null) Object.assign(bar, { max: 1, value: sent });
  else if (status.total) Object.assign(bar, { max: status.total, value: Math.min(status.frames, status.total) });
  else bar.removeAttribute("value");
  const rate = status?.rate && sent === null ? say("page.video.rate", { rate: number(status.rate) }) : "";
  write($("video-rate"), [rate, sayLeft(status?.seconds_left ?? null)].filter(Boolean).join(" · "));
}

function drawOver({ id, frames, model, options, result, warnings }) {
  const made = say("page.video.made", { frames: number(frames), megabytes: number(result.bytes / 1e6) });
  write($("video-made"), (options.key ?? "off") === "off" ? `${titleOf(model)} · ${made}` : made);
  $("video-warnings").replaceChildren(...warnings.map((code) => make("li", { textContent: say(`warning.${code}`) })));
  $("video-download").href = resultOf(id);
  $("video-download").download = result.name;
  write($("video-unseen"), say("page.video.cannot_play"));
}

let before = "empty";

export function drawVideo() {
  const { status } = video;
  const phase = phaseOf(video);
  $("video").dataset.phase = phase;
  if (["empty", "live", "sending"].includes(phase)) hideFrame();
  if (phase !== "done") hideResult();
  write($("video-title"), status?.name ?? video.name);
  write($("video-facts"), status ? sayFacts(status.clip) : "");
  if (status && $("video-frame").hidden) setRatio(status.clip.width, status.clip.height);
  if (phase === "sending" || phase === "working") drawGoing();
  if (phase === "working" && status.frames) lookAtNewest(status);
  if (phase === "ready") drawForm();
  if (phase === "done") {
    showResult(status);
    drawOver(status);
    if (before === "working") announce(say("page.video.over"));
  }
  before = phase;
}

function hideFrame() {
  $("video-frame").hidden = true;
}

function sayFacts({ width, height, seconds, rate }) {
  const time = seconds === null ? "" : say("page.video.second", { seconds: number(seconds) });
  return [`${width} × ${height}`, time, say("page.video.rate", { rate: number(rate) })].filter(Boolean).join(" · ");
}

export function speakView() {
  const { mb, seconds } = facts.videoLimits;
  $("video-limits").hidden = !(mb && seconds);
  write($("video-limits"), mb && seconds ? say("page.video.limits", { mb: number(mb), seconds: number(seconds) }) : "");
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  $("video-privacy").textContent = say(here ? "page.private" : "page.video.private_remote");
  drawVideo();
}

export function beginView() {
  beginBefore();
  $("video-player").addEventListener("error", giveUpPlaying);
  $("video-player").addEventListener("loadedmetadata", ({ target }) => setRatio(target.videoWidth, target.videoHeight));
}
