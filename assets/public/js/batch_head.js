// What stands over the tiles: how far the batch is, how long it still takes, what it is cut out with.
import { $, makeChip, root, write } from "./dom.js";
import { archiveOf } from "./batch_server.js";
import { batch, isOver, onBatch } from "./batch_state.js";
import { isAsPhotoTab, nameSettings, presetOf, settingsForAll } from "./batch_settings.js";
import { isAway } from "./connection.js";
import { onSettings, shownSettings } from "./settings.js";
import { onTab } from "./shell.js";
import { facts } from "./state.js";
import { countOthers } from "./store.js";
import { onSpeak, say } from "./words.js";

const number = (count) => count.toLocaleString(root.lang);

function sayLeft(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return say("page.batch.left.moment");
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? say("page.batch.left.minutes", { minutes }) : say("page.batch.left.hours", { hours: Math.round(minutes / 60) });
}

function sayState({ state, counts, seconds_left: left, expires, left_out: leftOut }) {
  const day = new Date(expires * 1000).toLocaleDateString(root.lang, { day: "numeric", month: "long" });
  const over = counts.total > 0 && isOver();
  const others = Object.values(leftOut).reduce((sum, count) => sum + count, countOthers());
  return [
    say("page.batch.done", { done: number(counts.done), total: number(counts.total) }),
    counts.failed ? say("page.batch.failed", { count: number(counts.failed) }) : "",
    counts.looks ? say("page.batch.looks", { count: number(counts.looks) }) : "",
    others ? say("page.batch.left_out", { count: number(others) }) : "",
    state === "running" ? sayLeft(left) : "",
    state === "paused" || state === "waiting" ? say(`page.batch.state.${state}`) : "",
    over ? say("page.batch.kept", { day }) : "",
  ].filter(Boolean).join(" · ");
}

function saySending() {
  if (!batch.toSend) return "";
  const sent = say("page.batch.sending", { sent: number(batch.sent), total: number(batch.toSend) });
  return isAway() ? `${sent} ${say("page.batch.sending_lost")}` : sent;
}

function drawHead() {
  const { status } = batch;
  const { total, done, failed } = status.counts;
  write($("batch-title"), say(total === 1 ? "page.batch.title_1" : "page.batch.title", { total: number(total) }));
  write($("batch-state"), sayState(status));
  $("batch-progress").max = Math.max(1, total);
  $("batch-progress").value = done + failed;
  write($("batch-sending"), saySending());
  const over = isOver();
  $("batch-pause").hidden = over;
  write($("batch-pause"), say(status.state === "paused" ? "page.batch.go_on" : "page.batch.pause"));
  write($("batch-end"), say(over ? "page.batch.new" : "page.batch.cancel"));
  $("batch-archive").ariaDisabled = done ? null : "true";
  if (done) $("batch-archive").href = archiveOf(status.id);
  else $("batch-archive").removeAttribute("href");
}

function drawSettings() {
  const settings = settingsForAll();
  write($("batch-settings-name"), nameSettings(settings));
  const preset = presetOf(settings);
  for (const chip of $("batch-presets").children) chip.setAttribute("aria-pressed", chip.dataset.name === preset);
  $("batch-as-photo").hidden = isAsPhotoTab();
}

function sayLimits({ photos, mb }) {
  if (photos && mb) return say("page.batch.limits", { photos: number(photos), mb: number(mb) });
  return photos ? say("page.batch.limits.photos", { photos: number(photos) }) : mb ? say("page.batch.limits.mb", { mb: number(mb) }) : "";
}

function drawStart() {
  write($("batch-begins-with"), say("page.batch.begins_with", { name: nameSettings(shownSettings()) }));
  write($("batch-limits"), sayLimits(facts.batchLimits));
  $("batch-limits").hidden = !$("batch-limits").textContent;
}

function draw() {
  if (root.dataset.tab !== "batch") return;
  $("batch-start").hidden = batch.status !== null;
  $("batch-work").hidden = batch.status === null;
  if (!batch.status) return drawStart();
  drawHead();
  drawSettings();
}

function speak() {
  for (const chip of $("batch-presets").children) chip.textContent = say(`preset.${chip.dataset.name}`);
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  $("batch-privacy").textContent = say(here ? "page.private" : "page.batch.private_remote");
  draw();
}

export function beginHead(choosePreset) {
  $("batch-presets").replaceChildren(...Object.keys(facts.presets).map((name) => {
    const chip = makeChip("", () => choosePreset(name));
    chip.dataset.name = name;
    return chip;
  }));
  onBatch(draw);
  onTab(draw);
  onSettings(draw);
  onSpeak(speak);
}
