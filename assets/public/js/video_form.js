// What is to be made of the clip: which part, as what kind of file, with the settings of the Photo tab.
import { $, make, write } from "./dom.js";
import { nameSettings, optionsOfPhotoTab } from "./batch_settings.js";
import { onModels } from "./models.js";
import { drawOffer } from "./offer.js";
import { onSettings, shownSettings } from "./settings.js";
import { facts, models } from "./state.js";
import { say, titleOf } from "./words.js";
import { drawBehind, hasClipBehind, withBehind } from "./video_behind.js";
import { phaseOf, video } from "./video_state.js";

const ABOUT = 0.01; // seconds that no frame is short of
const PEOPLE = ["rvm-mobilenetv3", "rvm-resnet50"]; // that remember; the first one that is here is taken where people are seen
const { notOfClips, videoFormats } = facts;

// The options of each frame.
export function optionsOfFrames() {
  const options = optionsOfPhotoTab();
  for (const name of notOfClips) delete options[name];
  return withBehind(options);
}

export function optionsOfVideo() {
  const [from, to] = [$("video-from").valueAsNumber || 0, $("video-to").valueAsNumber || null];
  const options = { ...optionsOfFrames(), format: $("video-format").value };
  if (from > 0) options.from = String(from);
  if (to !== null && to < (video.status.clip.seconds ?? Infinity) - ABOUT) options.to = String(to);
  return options;
}

const round = (seconds) => Math.round(seconds * 100) / 100;
const ANIMATIONS = { gif: "gif", webp: "webp", png: "apng", apng: "apng" }; // what one that ends so becomes

function usualFormat() {
  const ending = video.status?.name.split(".").pop().toLowerCase();
  const isTransparent = shownSettings().background === "transparent" && !hasClipBehind();
  return ANIMATIONS[ending] ?? (isTransparent ? "webm" : "mp4");
}

// As the server knows them, else as most want them.
export function fillForm() {
  const { clip, options } = video.status;
  const end = clip.seconds === null ? "" : round(clip.seconds);
  $("video-from").value = options.from ?? 0;
  $("video-to").value = options.to ?? end;
  for (const name of ["video-from", "video-to"]) $(name).max = end;
  $("video-format").value = options.format ?? usualFormat();
  $("video-at").max = Math.max(0, (clip.seconds ?? 0) - 1 / clip.rate);
  $("video-at").value = options.from ?? 0;
}

export function drawForm() {
  write($("video-second"), say("page.video.second", { seconds: Number($("video-at").value).toFixed(2) }));
  write($("video-for"), say(`page.video.for.${$("video-format").value}`));
  write($("video-settings"), say("page.video.settings", { name: nameSettings(shownSettings()) }));
  drawBehind();
  drawModel();
}

export function chooseUsualFormat() {
  $("video-format").value = usualFormat();
  drawForm();
}

// Which model the first second decides for, where none is chosen.
function drawModel() {
  const { model, key } = shownSettings();
  const isOpen = phaseOf(video) === "ready" && model === "automatic" && key === "off";
  const here = PEOPLE.find((name) => models[name]?.installed);
  write($("video-model"), isOpen && here ? say("page.video.model", { title: titleOf(here) }) : "");
  drawOffer($("video-offer"), isOpen && !here ? models[PEOPLE[0]] : null, say("page.video.people"));
}

export function speakForm() {
  const chosen = $("video-format").value;
  $("video-format").replaceChildren(...videoFormats.map((name) => make("option", { value: name, textContent: say(`page.video.format.${name}`) })));
  $("video-format").value = chosen || usualFormat();
  $("video-offer").replaceChildren();
  if (video.status) drawForm();
}

export function beginForm() {
  const takeSecond = (field) => { $(field).value = round(Number($("video-at").value)); };
  $("video-from-here").addEventListener("click", () => takeSecond("video-from"));
  $("video-to-here").addEventListener("click", () => takeSecond("video-to"));
  $("video-format").addEventListener("change", drawForm);
  $("video-at").addEventListener("input", drawForm);
  onModels(() => { if (video.status) drawModel(); });
  onSettings(() => { if (video.status) drawForm(); });
}
