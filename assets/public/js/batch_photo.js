// A photo of the batch in the single view: opened there with its settings, strokes and trimap, and back with those that it has got.
import { $, announce } from "./dom.js";
import { hideBar, showBar } from "./batch_bar.js";
import { showTile } from "./batch_list.js";
import { changeItem } from "./batch_server.js";
import { behindItem, ownOptions, pictureChange, settingsOfItem } from "./batch_settings.js";
import { allItems, batch, takeItem } from "./batch_state.js";
import { asMarks } from "./marks.js";
import { bringBack } from "./photo.js";
import { shownSettings } from "./settings.js";
import { showTab } from "./shell.js";
import { now } from "./state.js";
import { idOfFile, openedItem, setOpenedItem } from "./store.js";
import { giveMarks } from "./strip.js";
import { say } from "./words.js";

let told = null; // fail hears of what the server refuses, tell of words to be shown

async function read(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw await answer.json();
  return answer;
}

// Its time is the photo's number: two of one name and size are two.
async function readFile(url, name, lastModified) {
  const blob = await (await read(url)).blob();
  return new File([blob], name.split("/").pop(), { type: blob.type, lastModified });
}

async function readBehind(item, { background }) {
  const told = behindItem(item);
  return background === "image" && told ? readFile(told.url, told.name, 0) : null;
}

export async function openItem(number) {
  const item = batch.items.get(number);
  try {
    const [settings, { marks, trimap }] = [settingsOfItem(item), item.beside];
    const file = await readFile(item.photo, item.name, number);
    const behind = await readBehind(item, settings);
    giveMarks(file, {
      marks: marks ? await (await read(marks.url)).json() : null,
      trimap: trimap ? await readFile(trimap.url, trimap.name, 0) : null,
    });
    setOpenedItem({ number, file: idOfFile(file) });
    showTab("photo");
    showItemsBar(openedItem());
    await bringBack({ file, behind, settings });
  } catch (error) {
    told.fail(error);
  }
}

function showItemsBar({ number, file }) {
  const position = () => allItems().findIndex((item) => item.number === number) + 1;
  showBar({
    file,
    text: () => say("page.batch.bar", { number: position(), total: batch.items.size }),
    does: { text: () => say("page.batch.bar.use"), act: () => useAsItIs(number) },
    leaves: { text: () => say("page.batch.bar.back"), act: () => goBack(number) },
  });
}

async function useAsItIs(number) {
  const picture = pictureChange(shownSettings().background, behindItem(batch.items.get(number)));
  const drawn = { marks: asMarks(now.photo.touch), trimap: now.photo.trimap ?? null };
  try {
    takeItem(await changeItem(batch.status.id, number, { options: ownOptions(), ...drawn, ...picture }));
    goBack(number);
    announce(say("page.batch.bar.used"));
  } catch (error) {
    told.fail(error);
  }
}

function goBack(number) {
  hideBar();
  showTab("batch");
  if (batch.items.has(number)) showTile(number);
  else $("tab-batch").focus();
}

// After a reload, of the photo that was open.
export function returnToItem() {
  if (openedItem()) showItemsBar(openedItem());
}

export function beginBatchPhoto(hear) {
  told = hear;
}
