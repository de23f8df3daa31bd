// Beside the live picture: what is behind the subject, which camera, what is taken along, how fast it goes.
import { $, make, write } from "./dom.js";
import { PICTURES } from "./files.js";
import { beginRecording, canRecord, endRecording, isRecording, saveStill } from "./live_files.js";
import { behind } from "./live_picture.js";
import { onModels } from "./models.js";
import { drawOffer } from "./offer.js";
import { models } from "./state.js";
import { onSpeak, say, titleOf } from "./words.js";

const BETTER = "mediapipe-selfie"; // made for this, and half a megabyte
const MADE_FOR = "video"; // what a model says it is good for
const EVERY = 500; // milliseconds between figures that one can read

let shown = null; // the live picture
let told = 0; // when the figures were drawn last
let recordedFrom = 0;

const chips = () => [...document.querySelectorAll("#live-backdrops .chip")];
const isMadeForIt = (model) => !model || model.own || model.good_for.includes(MADE_FOR);

export const isMirrored = () => $("live-mirror").checked;

// ---- figures --------------------------------------------------------------------------------------------------------

function sayFacts({ model, drawn }) {
  if (drawn.length < 2) return model ? titleOf(model) : "";
  const rate = (drawn.length - 1) * 1000 / (drawn.at(-1).at - drawn[0].at);
  const delays = drawn.slice(1).map(({ delay }) => delay).sort((one, other) => one - other);
  const delay = say("page.live.delay", { milliseconds: Math.round(delays[delays.length >> 1]) });
  return [titleOf(model), say("page.video.rate", { rate: Number(rate.toFixed(rate < 10 ? 1 : 0)) }), delay].join(" · ");
}

// With each picture; the figures change only as often as one can read them.
export function drawPanel(live) {
  shown = live;
  if (live.drawn.length < 2 || performance.now() - told > EVERY) draw();
}

function draw() {
  told = performance.now();
  const { width, height } = $("live-picture");
  const isThere = shown.drawn.length > 0;
  $("live-picture").hidden = !isThere && !shown.isLost;
  if (isThere) $("live-stage").parentElement.style.setProperty("--ratio", width / height);
  for (const name of ["live-still", "live-record"]) $(name).disabled = $("live-picture").hidden;
  write($("live-state"), $("live-picture").hidden ? say("page.live.loading") : "");
  write($("live-facts"), sayFacts(shown));
  drawRecording();
  offerBetter();
}

function drawRecording() {
  const seconds = Math.floor((performance.now() - recordedFrom) / 1000);
  $("live-record").toggleAttribute("data-on", isRecording());
  write($("live-record"), isRecording() ? say("page.live.recording", { seconds }) : say("page.live.record"));
}

// A model for people and cameras, where only one for photos is here.
function offerBetter() {
  const isWanted = shown?.model && !isMadeForIt(models[shown.model]);
  drawOffer($("live-offer"), isWanted ? models[BETTER] : null, say("page.live.faster"));
}

// ---- behind the subject ---------------------------------------------------------------------------------------------

function choose(kind) {
  if (kind === "image" && !behind.picture) return choosePicture();
  behind.kind = kind;
  drawChoice();
}

function choosePicture() {
  const input = make("input", { type: "file", accept: PICTURES });
  input.addEventListener("change", async () => {
    try {
      behind.picture = await createImageBitmap(input.files[0]);
      write($("live-wrong"), "");
      choose("image");
    } catch {
      write($("live-wrong"), say("page.live.no_picture", { name: input.files[0].name }));
    }
  });
  input.click();
}

function drawChoice() {
  for (const chip of chips()) chip.setAttribute("aria-pressed", chip.dataset.kind === behind.kind);
  $("live-colour-row").hidden = behind.kind !== "color";
  $("live-other").hidden = behind.kind !== "image";
}

// ---- cameras --------------------------------------------------------------------------------------------------------

// Their names are told only once one of them may be used.
export async function showCameras(stream) {
  const track = stream.getVideoTracks()[0];
  const { deviceId, facingMode } = track.getSettings();
  $("live-mirror").checked = facingMode !== "environment";
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  $("live-cameras").hidden = cameras.length < 2;
  $("live-camera").replaceChildren(...cameras.map((each) => make("option", { value: each.deviceId, textContent: each.label })));
  $("live-camera").value = deviceId;
}

// ---- the page -------------------------------------------------------------------------------------------------------

function speak() {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  write($("live-privacy"), say(here ? "page.live.private" : "page.live.private_remote"));
  drawRecording();
  $("live-offer").replaceChildren();
  if (shown) draw();
}

// `useCamera` begins with the camera of an id, `renew` is told that another model may be better.
export function beginPanel({ useCamera, renew }) {
  for (const chip of chips()) chip.addEventListener("click", () => choose(chip.dataset.kind));
  $("live-colour").value = behind.colour;
  $("live-colour").addEventListener("input", ({ target }) => { behind.colour = target.value; });
  $("live-other").addEventListener("click", choosePicture);
  $("live-camera").addEventListener("change", ({ target }) => useCamera(target.value));
  $("live-still").addEventListener("click", saveStill);
  $("live-record").hidden = !canRecord();
  $("live-record").addEventListener("click", () => {
    if (isRecording()) endRecording();
    else beginRecording();
    recordedFrom = performance.now();
    drawRecording();
  });
  drawChoice();
  onSpeak(speak);
  onModels(() => {
    const had = Boolean($("live-offer").firstElementChild);
    offerBetter();
    if (had && models[BETTER].installed) renew();
  });
}
