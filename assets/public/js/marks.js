// What a person has marked on the photo, stroke by stroke, in pixels of the original: each can be undone, and done again.

export const noMarks = () => ({ size: null, done: [], undone: [], change: 0, aside: null });

// As the server takes them. A stroke of a pen has several pieces, each with a radius of its own; a pick that takes the place
// of the one before is a step of its own, which can be undone.
export function asMarks({ size, done }) {
  const strokes = done.filter((_, at) => !done[at + 1]?.takesPlace).flat();
  return done.length ? { version: 1, size, strokes } : null;
}

// The pick that was made last, and nothing after it.
export function lastPick(touch) {
  const [piece] = touch?.done.at(-1) ?? [];
  return piece?.include || piece?.box ? piece : null;
}

// Those that a photo comes with: each stroke can be undone.
export const readMarks = (marks) => marks ? { ...noMarks(), size: marks.size, done: marks.strokes.map((stroke) => [stroke]), change: 1 } : noMarks();

export function addStroke(touch, size, pieces) {
  touch.size = size;
  touch.done.push(pieces);
  touch.undone.length = 0;
  touch.change += 1;
}

export function addPick(touch, size, pick, takesPlace) {
  addStroke(touch, size, Object.assign([pick], { takesPlace }));
}

function step(touch, from, to) {
  to.push(from.pop());
  touch.change += 1;
}

export const undoStroke = (touch) => step(touch, touch.done, touch.undone);
export const redoStroke = (touch) => step(touch, touch.undone, touch.done);

// All of them, which can be done again one by one.
export function undoAll(touch) {
  while (touch.done.length) undoStroke(touch);
}

// Those of a file in the place of all that are there.
export function replaceStrokes(touch, size, strokes) {
  Object.assign(touch, { size, done: strokes.map((stroke) => [stroke]), undone: [], change: touch.change + 1 });
}

// A trimap is drawn on anew: the strokes from before wait aside until it is taken away.
export function putTrimap(photo, trimap) {
  const { done, aside, change } = photo.touch;
  Object.assign(photo.touch, { done: [], undone: [], aside: photo.trimap ? aside : done, change: change + 1 });
  photo.trimap = trimap;
}

export function takeTrimap(photo) {
  const { aside, change } = photo.touch;
  Object.assign(photo.touch, { done: aside ?? [], undone: [], aside: null, change: change + 1 });
  photo.trimap = null;
}

// What a photo is marked with, to be given back to it.
export const copyMarks = ({ trimap, touch }) => ({ trimap, touch: { ...touch, done: [...touch.done], undone: [...touch.undone] } });

export function giveMarksBack(photo, { trimap, touch }, change) {
  photo.trimap = trimap;
  Object.assign(photo.touch, touch, { change });
}

// The last one cannot be used.
export function dropStroke(touch) {
  touch.done.pop();
  touch.change += 1;
}
