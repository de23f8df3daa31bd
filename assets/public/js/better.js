// The better model that comes by itself after the first start: what it is, how far, and Cancel. What comes of it is said once.
import { $, announce } from "./dom.js";
import { cancelFetch, coming, followFetches, onModels } from "./models.js";
import { facts, models } from "./state.js";
import { onSpeak, say, titleOf } from "./words.js";

let came = false; // while this page was open

const better = () => models[facts.better];

function draw() {
  const model = better();
  const progress = model && coming(model);
  const isThere = came && model?.installed;
  $("better").hidden = !progress && !isThere;
  $("better-cancel").hidden = !progress;
  if (progress) $("better-text").textContent = sayProgress(model, progress);
  else if (isThere) $("better-text").textContent = say("page.better.there", { title: titleOf(model.name) });
}

function sayProgress({ license, commercial_use: use }, { done, total }) {
  const megabytes = { done: Math.round((done ?? 0) / 1e6), total: Math.round(total / 1e6) };
  return say("page.better", { ...megabytes, license, rights: say(`model.commercial.${use}`) });
}

function follow() {
  const model = better();
  if (model && coming(model)) came = true;
  else if (came && model?.installed && !$("better-cancel").hidden) announce(say("page.better.there", { title: titleOf(model.name) }));
  draw();
}

export function beginBetter() {
  $("better-cancel").addEventListener("click", () => {
    came = false;
    cancelFetch(better());
  });
  onModels(follow);
  onSpeak(draw);
  followFetches();
}
