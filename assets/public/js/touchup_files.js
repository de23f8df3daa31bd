// What is marked on the photo as files, in a small menu of the bar: strokes as JSON, a trimap as a picture.
import { chooseTrimap, giveTrimap } from "./bridge.js";
import { $, make, showNotice } from "./dom.js";
import { refuse } from "./download.js";
import { isPicture, saveFile } from "./files.js";
import { onDrop } from "./intake.js";
import { asMarks, replaceStrokes } from "./marks.js";
import { close, isOpen, open } from "./popover.js";
import { facts, isTouching, now } from "./state.js";
import { tryOut, whenSettled } from "./touchup.js";
import { removeTrimap } from "./trimap.js";
import { say } from "./words.js";

const isMarks = (file) => Boolean(file) && /\.json$/i.test(file.name);

const save = (blob, ending) => saveFile(blob, now.photo.name.replace(/\.[^.]*$/, "") + ending);

// ---- strokes --------------------------------------------------------------------------------------------------------

const saveMarks = () => save(new Blob([JSON.stringify(asMarks(now.photo.touch))], { type: "application/json" }), "_strokes.json");

// Null where it holds none; whether each stroke is one, the server says.
async function readMarks(file) {
  try {
    const { version, size, strokes } = JSON.parse(file.size <= facts.mostMarkBytes ? await file.text() : "");
    return version === 1 && size.length === 2 && Array.isArray(strokes) ? { size, strokes } : null;
  } catch {
    return null;
  }
}

async function loadMarks(file) {
  const { photo } = now;
  const [marks, own] = [await readMarks(file), now.result.photo_size];
  if (photo !== now.photo || !isTouching()) return;
  if (!marks) return showNotice(say("page.marks.none", { name: file.name }), "error");
  const { size, strokes } = marks;
  if (size.join() !== own.join()) {
    return showNotice(say("page.marks.size", { name: file.name, width: size[0], height: size[1], own_width: own[0], own_height: own[1] }), "error");
  }
  tryOut(({ touch }) => replaceStrokes(touch, size, strokes), () => say("page.marks.there", { number: strokes.length }));
}

// ---- the trimap -----------------------------------------------------------------------------------------------------

// That of the photo as it is now, made by the server at full size.
async function saveTrimap() {
  if (!await whenSettled()) return;
  try {
    const answer = await fetch(now.result.trimap);
    if (answer.ok) save(await answer.blob(), "_trimap.png");
    else await refuse(await answer.json(), $("trimap-save"));
  } catch {
    showNotice(say("page.lost"), "error");
  }
}

// ---- the menu -------------------------------------------------------------------------------------------------------

function openMenu() {
  $("marks-save").disabled = !now.photo.touch.done.length;
  $("trimap-remove").hidden = !now.photo.trimap;
  open($("touch-files"), $("touch-more"));
}

function chooseMarks() {
  $("marks-file").value = ""; // so that the same one can be chosen again
  $("marks-file").click();
}

const takeFile = (file) => file && (isPicture(file) ? giveTrimap(file) : loadMarks(file));

export function beginTouchUpFiles() {
  $("touch-more").addEventListener("click", () => isOpen($("touch-files")) ? close($("touch-files")) : openMenu());
  const actions = { "marks-save": saveMarks, "marks-load": chooseMarks, "trimap-use": chooseTrimap, "trimap-save": saveTrimap, "trimap-remove": removeTrimap };
  for (const [id, does] of Object.entries(actions)) {
    $(id).addEventListener("click", () => {
      close($("touch-files"), true);
      does();
    });
  }
  $("marks-file").addEventListener("change", ({ target }) => takeFile(target.files[0]));
  onDrop({
    takes: ({ target, dataTransfer }) => isTouching() && ($("touch-bar").contains(target) || isMarks(dataTransfer.files[0])),
    take: takeFile,
    word: "page.touch.let_go",
  });
}
