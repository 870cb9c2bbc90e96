/** From pictures to answers: who is shown a picture last is the one who is answered. */

import { answerOf } from './answers.js';
import { centerCrop, toInput } from './picture.js';
import { Problem, Race, load, reason, start } from './runtime.js';
import { Camera, decoded } from './sources.js';
import * as view from './view.js';

const ROUNDS = 9; // Of timing, per picture.
const CAMERA_MILLISECONDS = 250;
const ANNOUNCEMENT_MILLISECONDS = 2500; // At least between two of what the camera sees.

let facts = null;
let network = null; // Whose answers are shown.
let race = null;
let input = null; // What was looked at last.
let turn = 0; // Whoever waited and finds another number here is too late, and shows nothing.

const camera = new Camera(document.getElementById('video'), () => end('The camera went off. Connect it again, or choose a picture.'));
const ready = prepare();
ready.catch((error) => fail(error));

async function prepare() {
  const response = await fetch('facts.json').catch(() => null);
  if (!response?.ok) throw new Problem('The ticket was not served. Is the command still running? Load the page again.');
  facts = await response.json();
  view.prepare(facts, (example) => look(example.truth || 'The example', async () => (await fetch(example.url)).blob(), example));
  await start();
  const names = Object.keys(facts.files);
  const loaded = await Promise.allSettled(names.map((name) => load(facts.files[name].url, facts.size)));
  const named = Object.fromEntries(names.map((name, index) => [name, loaded[index]]));
  const { dense, sparse } = named;
  network = named[facts.shown].value ?? loaded.find(({ value }) => value)?.value;
  if (!network) throw loaded[0].reason;
  if (dense?.value && sparse?.value) race = new Race(dense.value, sparse.value);
  else view.noComparison(loaded.find(({ reason }) => reason)?.reason.message ?? `${facts.format} files are stored dense only.`);
  if (!turn) view.say('Ready: drop, paste or choose a picture.');
}

/**
 * Shows and answers one picture.
 * @param {string} name what messages call it.
 * @param {() => Promise<Blob>} read gives the encoded picture.
 * @param {{url?: string, truth?: string, truthUrl?: string}} example where it is one.
 */
async function look(name, read, example = {}) {
  const mine = ++turn;
  camera.stop();
  view.stage();
  view.say(network ? `Looking at ${example.url ? 'the example' : name} …` : 'Loading the network …');
  try {
    const blob = await read().catch(() => { throw new Problem(`${name} was not read. Is the command still running? Try again.`); });
    const pixels = await decoded(blob, name);
    if (mine !== turn) return;
    view.stage({ blob, url: example.url });
    await ready;
    // An example is the crop already.
    const answer = await answered(pixels, example.url ? 1 : facts.keep, mine, example);
    if (!answer) return;
    view.say(`${example.url ? 'The example' : name}: ${answer.sight}.${transparency(pixels)}`);
    await compare(mine, ROUNDS);
  } catch (error) {
    if (mine === turn) fail(error);
  }
}

/** The answer, shown; null for whoever is too late. */
async function answered(pixels, keep, mine, example = {}) {
  const crop = centerCrop(pixels, facts.size, keep);
  const values = toInput(crop);
  const outputs = await network.run(values);
  if (mine !== turn) return null;
  if (!outputs.every(Number.isFinite)) throw new Problem('The network’s answer is not a number. Train the ticket again, or show another.');
  const answer = answerOf(outputs, facts);
  input = values;
  view.answer(answer, facts, crop, example);
  view.offerTiming(Boolean(race));
  return answer;
}

async function compare(mine, rounds) {
  for (let round = 0; race && round < rounds; round++) {
    await race.round(input);
    if (mine !== turn) return;
    view.comparison(race, facts);
    await pause(0); // What was typed and clicked meanwhile comes first.
    if (mine !== turn) return;
  }
}

async function watch() {
  const mine = ++turn;
  view.stage();
  view.say('Waiting for the camera …');
  try {
    if (!(await camera.start()) || mine !== turn) return;
    view.stage({ isCamera: true });
    view.say('The camera is on. What it sees is answered several times a second.');
    await ready;
    let [announced, since] = ['', -Infinity];
    while (mine === turn) {
      const started = performance.now();
      const frame = document.hidden ? null : camera.frame();
      const answer = frame && (await answered(frame, facts.keep, mine));
      if (answer && answer.best !== announced && started - since > ANNOUNCEMENT_MILLISECONDS) {
        [announced, since] = [answer.best, started];
        view.announce(`The camera sees: ${answer.best}`);
      }
      if (answer) await compare(mine, 1);
      await pause(Math.max(0, CAMERA_MILLISECONDS - (performance.now() - started)));
    }
  } catch (error) {
    if (mine === turn) fail(error);
  }
}

/** Nothing is looked at any more. */
function end(text, isWrong = false) {
  turn++;
  camera.stop();
  view.stage();
  view.say(text, isWrong);
}

function fail(error) {
  end(error instanceof Problem ? error.message : `Something went wrong: ${reason(error)}. Load the page again.`, true);
}

/** The first file of a drop or paste. */
function take(transfer, how) {
  const [file] = transfer?.files ?? [];
  if (file) look(file.name || 'The picture', async () => file);
  else end(`What was ${how} holds no picture file. Save the picture first, then choose it.`, true);
}

function transparency(pixels) {
  for (let place = 3; place < pixels.data.length; place += 4) {
    if (pixels.data[place] < 255) return ' Its transparent parts are read as black.';
  }
  return '';
}

function pause(milliseconds) {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}

function connect() {
  const place = document.getElementById('stage');
  const file = document.getElementById('file');
  file.addEventListener('change', () => {
    if (file.files.length) take({ files: [...file.files] }, 'chosen');
    file.value = ''; // The same file may be chosen again.
  });
  document.getElementById('camera').addEventListener('click', () => (camera.stream ? end('The camera is off.') : watch()));
  document.getElementById('again').addEventListener('click', () => {
    race.rounds = [];
    compare(turn, ROUNDS).catch(fail);
  });
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    place.classList.add('over');
  });
  document.addEventListener('dragleave', (event) => event.relatedTarget || place.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    place.classList.remove('over');
    take(event.dataTransfer, 'dropped');
  });
  document.addEventListener('paste', (event) => take(event.clipboardData, 'pasted'));
  addEventListener('unhandledrejection', (event) => fail(event.reason));
}

connect();
