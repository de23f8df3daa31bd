// The clip as it was over the new file, left of a line that can be moved, in step with what is played.
import { $ } from "./dom.js";
import { clipOf } from "./video_server.js";

const DRIFT = 0.06; // seconds by which the two may be apart
const ALIKE = 0.01; // difference of their ratios of sides: a new frame shows another part of the clip

let begin = 0; // the second of the clip at which the new file begins

function move() {
  const share = $("video-split").value;
  $("video-before").hidden = share === "0";
  $("video-stage").style.setProperty("--split", `${share}%`);
  keepStep();
}

function keepStep() {
  const [before, player] = [$("video-before"), $("video-player")];
  if (before.hidden) return before.pause();
  const second = begin + player.currentTime;
  if (Math.abs(before.currentTime - second) > DRIFT && !before.seeking) before.currentTime = second;
  before.playbackRate = player.playbackRate;
  if (player.paused) before.pause();
  else before.play().catch(() => {}); // it ends, or is paused, meanwhile
}

const ratioOf = ({ videoWidth, videoHeight }) => videoWidth / videoHeight;

function offerComparison() {
  const [before, player] = [$("video-before"), $("video-player")];
  const isAlike = Math.abs(ratioOf(before) / ratioOf(player) - 1) < ALIKE; // NaN until both are known
  $("video-comparison").hidden = player.hidden || !isAlike;
}

export function showBefore({ id, options }) {
  begin = Number(options.from) || 0;
  $("video-before").src = clipOf(id);
}

export function hideBefore() {
  $("video-before").removeAttribute("src");
  $("video-comparison").hidden = true;
  $("video-split").value = 0;
  move();
}

export function beginBefore() {
  $("video-split").addEventListener("input", move);
  for (const name of ["play", "pause", "seeked", "timeupdate", "ratechange"]) $("video-player").addEventListener(name, keepStep);
  for (const name of ["before", "player"]) $(`video-${name}`).addEventListener("loadedmetadata", offerComparison);
}
