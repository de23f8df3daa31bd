// A photo of the batch in the single view: opened there with its settings, and back with those that it has got.
import { $, announce } from "./dom.js";
import { hideBar, showBar } from "./batch_bar.js";
import { showTile } from "./batch_list.js";
import { changeItem } from "./batch_server.js";
import { ownOptions, settingsOfItem } from "./batch_settings.js";
import { allItems, batch, takeItem } from "./batch_state.js";
import { bringBack } from "./photo.js";
import { showTab } from "./shell.js";
import { idOfFile, openedItem, setOpenedItem } from "./store.js";
import { say } from "./words.js";

let told = null; // fail hears of what the server refuses, tell of words to be shown

async function readPhoto({ photo, name }) {
  const answer = await fetch(photo);
  if (!answer.ok) throw await answer.json();
  const blob = await answer.blob();
  return new File([blob], name.split("/").pop(), { type: blob.type, lastModified: 0 });
}

export async function openItem(number) {
  const item = batch.items.get(number);
  try {
    const file = await readPhoto(item);
    setOpenedItem({ number, file: idOfFile(file) });
    showTab("photo");
    showItemsBar(openedItem());
    await bringBack({ file, behind: batch.behind, settings: settingsOfItem(item) });
  } catch (error) {
    told.fail(error);
  }
}

function showItemsBar({ number, file }) {
  const position = () => allItems().findIndex((item) => item.number === number) + 1;
  showBar({
    file,
    text: () => say("page.batch.bar", { number: position(), total: batch.items.size }),
    does: { text: () => say("page.batch.bar.use"), act: () => useSettings(number) },
    leaves: { text: () => say("page.batch.bar.back"), act: () => goBack(number) },
  });
}

async function useSettings(number) {
  const own = ownOptions();
  const isLeft = own.background === "image"; // the picture itself belongs to the batch as a whole
  if (isLeft) delete own.background;
  try {
    takeItem(await changeItem(batch.status.id, number, own));
    goBack(number);
    announce(say("page.batch.bar.used"));
    if (isLeft) told.tell(() => say("page.batch.bar.no_picture"));
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
