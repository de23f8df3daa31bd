// The comparison: the chosen photo through two to four installed models, side by side; one of them can be kept.
window.clearcut.comparison = (() => {
  "use strict";
  const page = window.clearcut;
  const { $, root, now, models, say, titleOf } = page;
  const LEAST = 2, MOST = 4;
  let chosen = [];
  let left = null; // the message that was shown before the comparison

  const installed = () => Object.values(models).filter((model) => model.installed);

  function open() {
    left = now.message;
    const here = installed().map((model) => model.name);
    chosen = chosen.filter((name) => here.includes(name));
    if (chosen.length < LEAST) chosen = here.slice(0, 3);
    $("tiles").replaceChildren();
    root.dataset.state = "comparing";
    draw();
    if (here.length >= LEAST) $("compare-run").click();
    else $("compare-models").focus();
  }

  function draw() {
    const enough = installed().length >= LEAST;
    $("compare-hint").textContent = enough ? say("page.compare.hint", { most: MOST }) : say("page.compare.too_few");
    $("compare-models").hidden = enough;
    $("compare-choice").replaceChildren(...(enough ? installed() : []).map((model) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.textContent = titleOf(model.name);
      chip.setAttribute("aria-pressed", chosen.includes(model.name));
      chip.addEventListener("click", () => toggle(model.name));
      return chip;
    }));
    $("compare-run").disabled = chosen.length < LEAST || (now.message?.comparing && now.message.state === "working");
    $("compare-run").hidden = !enough;
  }

  function toggle(name) {
    if (chosen.includes(name)) chosen = chosen.filter((each) => each !== name);
    else chosen = [...chosen, name].slice(-MOST);
    draw();
    [...$("compare-choice").children].find((chip) => chip.textContent === titleOf(name))?.focus();
  }

  function tile({ model, state, after, network_seconds: seconds, width, height, code, facts, ...rest }) {
    const figure = document.createElement("figure");
    figure.dataset.model = model;
    figure.dataset.state = state;
    const frame = document.createElement("div");
    frame.className = "tile-frame board";
    if (state === "done") {
      const image = document.createElement("img");
      image.src = after;
      image.alt = `${say("page.after_alt")}: ${titleOf(model)}`;
      frame.style.aspectRatio = `${width} / ${height}`;
      frame.append(image);
    } else {
      const text = state === "error" ? say(`error.${code}`, facts) : say(state === "waiting" ? "page.step.waiting" : "page.step.finding");
      frame.append(Object.assign(document.createElement("p"), { textContent: text }));
    }
    const caption = document.createElement("figcaption");
    const name = Object.assign(document.createElement("strong"), { textContent: titleOf(model) });
    const time = Object.assign(document.createElement("span"), { textContent: state === "done" && seconds != null ? say("page.seconds", { seconds }) : "" });
    caption.append(name, time);
    figure.append(frame, caption);
    if (state === "done") {
      const keep = Object.assign(document.createElement("button"), { type: "button", className: "quiet keep-it", textContent: say("page.compare.keep") });
      keep.setAttribute("aria-label", `${keep.textContent}: ${titleOf(model)}`);
      keep.addEventListener("click", () => take({ state, after, width, height, ...rest }));
      figure.append(keep);
    }
    return figure;
  }

  // What the server says of it: tiles that fill one by one.
  function render(message) {
    if (message.state === "error") return;
    draw();
    const drawn = $("tiles").dataset.tiles;
    const next = JSON.stringify([now.language, message.tiles ?? []]);
    if (drawn === next && $("tiles").children.length) return;
    $("tiles").dataset.tiles = next;
    $("tiles").replaceChildren(...(message.tiles ?? []).map(tile));
  }

  function take(result) {
    page.disregard();
    const kept = { ...result, state: "done", run: now.run, photo: now.photo.id };
    page.receive(kept);
    now.result = kept;
    $("kept").click();
    $("download").focus();
  }

  function close() {
    if (now.message?.comparing && now.message.state === "working") {
      page.disregard();
      $("kept").click(); // the server stops what is under way
    }
    now.message = now.result ?? left;
    if (now.message) page.render(now.message);
    $("compare-open").focus();
  }

  const withModels = ([, ...given]) => {
    $("tiles").replaceChildren();
    return [JSON.stringify(chosen), ...page.withPhoto(given)];
  };

  function begin() {
    $("compare-open").addEventListener("click", open);
    $("compare-close").addEventListener("click", close);
    $("compare-models").addEventListener("click", () => window.clearcut.modelsTab.open());
    page.speakers.push(() => { if (root.dataset.state === "comparing") draw(); });
  }

  return { begin, render, withModels };
})();
