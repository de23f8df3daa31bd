// Puts the page's parts together, once Gradio has drawn them all.
import { allIsDrawn, connect, watch, wordsAreDrawn } from "./bridge.js";
import { beginBackdrop } from "./backdrop.js";
import { beginBatch } from "./batch.js";
import { acceptBehind, beginBehind, behindFailed, behindLost, lastPictureBehind } from "./behind.js";
import { beginBetter } from "./better.js";
import { beginCatalog, describeModel, renewModels } from "./catalog.js";
import { beginComparison, modelsToCompare } from "./comparison.js";
import { root } from "./dom.js";
import { beginConnection } from "./connection.js";
import { beginDownload } from "./download.js";
import { beginGestures } from "./gestures.js";
import { beginHand } from "./hand.js";
import { acceptOne, acceptSeveral, beginIntake } from "./intake.js";
import { beginModels, openModels } from "./models.js";
import { beginMoving } from "./moving.js";
import { beginPhoto, connectionFailed, show, showSent, uploadFailed } from "./photo.js";
import { beginPopovers } from "./popover.js";
import { beginSettings, chosenModel, hearSettings, lastSettings, recalled, rememberedSettings, restoredSettings, wantedSettings } from "./settings.js";
import { beginShell, returnToTab } from "./shell.js";
import { beginStage } from "./stage.js";
import { facts, now } from "./state.js";
import { beginStrip, returnToVisit } from "./strip.js";
import { beginVideo } from "./video.js";
import { beginViews } from "./views.js";
import { beginTouchUp } from "./touchup.js";
import { beginTouchUpFiles } from "./touchup_files.js";
import { acceptTrimap, beginTrimap, trimapFailed, trimapLost } from "./trimap.js";
import { preferredLanguage, say, speak, switchLanguage } from "./words.js";

now.language = preferredLanguage();
connect({ show, hearSettings, rememberedSettings, wantedSettings, restoredSettings, lastSettings, lastPictureBehind, modelsToCompare, switchLanguage, chosenModel, openModels, recalled });

await allIsDrawn();
watch({
  photo: { accepts: acceptOne, acceptsSeveral: acceptSeveral, uploadFailed, connectionFailed },
  behind: { accepts: acceptBehind, uploadFailed: behindFailed, connectionFailed: behindLost },
  trimap: { accepts: acceptTrimap, uploadFailed: trimapFailed, connectionFailed: trimapLost },
  sent: showSent,
});
for (let known = false; !known;) { // a server that is away for a moment is asked again
  try {
    await renewModels();
    known = true;
  } catch { await new Promise((done) => setTimeout(done, 1000)); }
}
now.model = facts.defaults.model;
for (const begin of [beginShell, beginIntake, beginCatalog, beginStage, beginGestures, beginPopovers, beginViews, beginDownload, beginBackdrop, beginSettings, beginModels,
  beginComparison, beginPhoto, beginBehind, beginBetter, beginHand, beginTouchUp, beginTrimap, beginTouchUpFiles, beginStrip, beginBatch, beginVideo, beginMoving, beginConnection]) begin();
speak(now.language);
root.dataset.state = "empty";
await recalled;
describeModel();
await returnToVisit();
returnToTab();
await wordsAreDrawn(say("page.language"));
root.dataset.ready = "true";
