// What stands around the tabs: which of them is shown, light or dark, the language, the box about Clearcut.
import { $, closeNotice, root } from "./dom.js";
import { forget, onArrival } from "./photo.js";
import { forgetPictures } from "./strip.js";
import { facts, recall, remember } from "./state.js";
import { currentTab, setCurrentTab } from "./store.js";
import { onSpeak, otherLanguage, say } from "./words.js";

const TABS = ["photo", "batch", "video", "models"];
const watchers = []; // of the tab that is shown
const tabBefore = currentTab();

export function onTab(watcher) {
  watchers.push(watcher);
}

export function showTab(shown) {
  root.dataset.tab = shown;
  setCurrentTab(shown);
  for (const tab of TABS) {
    $(`tab-${tab}`).setAttribute("aria-selected", tab === shown);
    $(`tab-${tab}`).tabIndex = tab === shown ? 0 : -1;
  }
  for (const watcher of watchers) watcher(shown);
}

// To the tab that was open when the page was loaded anew.
export function returnToTab() {
  if (performance.getEntriesByType("navigation")[0]?.type === "reload" && TABS.includes(tabBefore)) showTab(tabBefore);
}

function switchByArrow({ key, target }) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!step) return;
  const at = TABS.indexOf(target.id.replace("tab-", ""));
  const tab = TABS.at((at + step) % TABS.length);
  showTab(tab);
  $(`tab-${tab}`).focus();
}

const isDark = () => document.body.classList.contains("dark");

function setTheme(dark) {
  document.body.classList.toggle("dark", dark);
  root.style.colorScheme = dark ? "dark" : "light";
}

function labelTheme() {
  $("theme").title = say(isDark() ? "page.theme.light" : "page.theme.dark");
  $("theme").setAttribute("aria-label", $("theme").title);
}

function switchTheme() {
  setTheme(!isDark());
  labelTheme();
  remember("theme", isDark() ? "dark" : "light");
}

function speak() {
  $("language").setAttribute("aria-label", say("page.language_label"));
  $("language").lang = otherLanguage();
  $("about-what").textContent = say("page.about.what", { version: facts.version });
  labelTheme();
}

export function beginShell() {
  const theme = recall("theme");
  setTheme(theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  for (const tab of TABS) {
    $(`tab-${tab}`).addEventListener("click", () => showTab(tab));
    $(`tab-${tab}`).addEventListener("keydown", switchByArrow);
  }
  showTab("photo");
  onArrival(() => showTab("photo"));
  $("theme").addEventListener("click", switchTheme);
  $("about").addEventListener("click", () => $("about-box").showModal());
  $("about-forget").addEventListener("click", () => {
    $("about-box").close();
    forget();
    forgetPictures();
  });
  $("notice-close").addEventListener("click", closeNotice);
  onSpeak(speak);
}
