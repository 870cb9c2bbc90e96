/** What is on the page. */

import { isFound } from './answers.js';
import { finding, milliseconds, percent } from './words.js';

const SMALL = 200; // Pictures up to this side are enlarged pixel by pixel.
const STORED = ['dense', 'sparse'];
const MAP_PIXELS = 480; // Least longer side of what is drawn on.
const MASK_SHARE = 0.55; // Of a label's colour in its pixels.
const [LINE, DOT] = [1 / 100, 1 / 70]; // Width and radius, as shares of the longer side.
const TASKS = {
  classification: 'Show it a picture',
  segmentation: 'Show it a picture, and it labels every pixel',
  keypoints: 'Show it a person who fills the picture',
};

const part = (id) => document.getElementById(id);
const BLANK = 'data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==';
let shownUrl = '';

/**
 * Lays out what is known of the ticket before any picture.
 * @param {object} facts as site.py makes them.
 * @param {(example: {url: string, truth: string, truthUrl: string}) => void} onExample called with one that is chosen.
 */
export function prepare(facts, onExample) {
  part('lead').textContent = `A network for ${facts.task} with ${facts.labels.length} ${facts.kind === 'keypoints' ? 'joints' : 'labels'}, ${facts.sparsity} of whose prunable weights are zero.
    It runs in your browser. ${TASKS[facts.kind]}: nothing leaves this computer.`;
  document.title = `${facts.task}: a ticket in the browser`;
  part('seen_size').textContent = `what it sees: ${facts.size[1]}×${facts.size[0]} pixels`;
  const factor = facts.kind === 'classification' ? 1 : Math.max(1, Math.ceil(MAP_PIXELS / Math.max(...facts.size)));
  part('seen').width = factor * facts.size[1];
  part('seen').height = factor * facts.size[0];
  part('answer').classList.toggle('map', facts.kind !== 'classification');
  part('fingerprint').textContent = facts.fingerprint;
  part('tiles').replaceChildren(...facts.tiles.map(({ title, value, note }) => made('div', { className: 'tile' }, [
    made('span', { textContent: title }), made('b', { textContent: value.replace(/[_:/]/g, '$&\u200b') }), made('small', { textContent: note }),
  ])));
  part('guesses').replaceChildren(...Array.from({ length: Math.min(facts.top, facts.labels.length) }, () => made('li', {}, row('–', ''))));
  const stored = STORED.filter((name) => name in facts.files);
  part('times').replaceChildren(...stored.map((name) => made('div', { className: name }, row(name, '–'))));
  part('sizes').replaceChildren(...stored.map((name) => made('div', { className: name }, row(name, facts.files[name].size))));
  const bytes = stored.map((name) => facts.files[name].bytes);
  fill(part('sizes'), bytes.map((count) => count / Math.max(...bytes)));
  part('examples').hidden = !facts.examples.length;
  part('thumbnails').replaceChildren(...facts.examples.map((example, index) => {
    const picture = made('img', { src: example.url, alt: `Example ${index + 1}`, draggable: false });
    return made('button', { type: 'button', ariaPressed: 'false', onclick: () => onExample(example) }, [picture]);
  }));
}

/**
 * @param {string} text
 * @param {boolean} isWrong whether something failed.
 */
export function say(text, isWrong = false) {
  part('status').textContent = text;
  part('status').classList.toggle('wrong', isWrong);
}

/** @param {string} text for those who do not see the bars. */
export function announce(text) {
  part('announcement').textContent = text;
}

/**
 * Empties the stage and the answer, and then shows what is being looked at.
 * @param {{blob?: Blob, url?: string, isCamera?: boolean}} picture nothing = the invitation to show one.
 */
export function stage({ blob, url, isCamera = false } = {}) {
  clear();
  URL.revokeObjectURL(shownUrl);
  shownUrl = blob ? URL.createObjectURL(blob) : '';
  const image = part('shown');
  image.hidden = !blob;
  image.onload = () => image.classList.toggle('small', Math.max(image.naturalWidth, image.naturalHeight) <= SMALL);
  if (blob) image.src = shownUrl;
  else image.removeAttribute('src');
  part('video').hidden = !isCamera;
  part('invitation').hidden = Boolean(blob) || isCamera;
  part('stage').classList.toggle('full', Boolean(blob) || isCamera);
  part('camera').textContent = isCamera ? 'Stop the camera' : 'Use the camera';
  part('camera').classList.toggle('on', isCamera);
  for (const button of part('thumbnails').children) {
    button.ariaPressed = String(Boolean(url) && button.firstChild.getAttribute('src') === url);
  }
}

/**
 * @param {import('./answers.js').Answer} answer
 * @param {object} facts as site.py makes them.
 * @param {Uint8ClampedArray} crop RGB rows of what the network saw.
 * @param {{truth?: string, truthUrl?: string}} example what is known to be right: a label, or a picture of it.
 */
export function answer({ best, rows, mask, points }, { labels, colours, skeleton, size }, crop, { truth = '', truthUrl = '' } = {}) {
  part('best').textContent = best;
  part('truth').textContent = truthUrl ? 'Beside this, the truth' : truth && (truth === best ? '✓ right' : `✗ wrong: it shows ${truth}`);
  part('truth').className = truthUrl ? 'verdict' : `verdict ${truth === best ? 'right' : 'wrong'}`;
  part('true_picture').src = truthUrl || BLANK;
  [...part('guesses').children].forEach((item, place) => {
    const { index, share } = rows[place];
    const [label, bar, number] = item.children;
    label.textContent = label.title = labels[index];
    number.textContent = percent(share);
    item.dataset.share = share;
    bar.firstChild.style.background = colours[index] ?? '';
  });
  fill(part('guesses'), rows.map(({ share }) => share));
  const canvas = part('seen');
  const pen = canvas.getContext('2d');
  spread(pen, size, (place) => [...crop.subarray(3 * place, 3 * place + 3), 255]);
  if (mask) {
    pen.imageSmoothingEnabled = false;
    const shades = colours.map((colour) => [...bytes(colour), 255 * MASK_SHARE]);
    spread(pen, size, (place) => shades[mask[place]]);
    pen.imageSmoothingEnabled = true;
  }
  if (points) drawSkeleton(pen, points, skeleton, colours, canvas.width / size[1]);
  canvas.ariaLabel = `What the network sees, the middle of the picture in ${size[1]}×${size[0]} pixels${mask || points ? ', and over it what it says' : ''}`;
}

/**
 * @param {import('./runtime.js').Race} race
 * @param {object} facts as site.py makes them.
 */
export function comparison(race, facts) {
  const times = race.milliseconds;
  [...part('times').children].forEach((line, index) => {
    line.lastChild.textContent = milliseconds(times[index]);
    line.dataset.milliseconds = times[index];
  });
  fill(part('times'), times.map((value) => value / Math.max(...times)));
  const { isFaster, claim, rest, why } = finding(times, facts);
  part('finding').replaceChildren(made('b', { textContent: claim }), rest);
  part('finding').classList.toggle('right', isFaster);
  part('why').textContent = why;
  part('method').textContent = `Medians of ${race.rounds.length} rounds in turns: WebAssembly, one thread, ${facts.format}.`;
}

/** @param {string} text why there is no comparison. */
export function noComparison(text) {
  part('finding').replaceChildren(made('b', { textContent: 'There is nothing to compare' }), `: ${text}`);
}

/** @param {boolean} isPossible whether times can be taken again. */
export function offerTiming(isPossible) {
  part('again').disabled = !isPossible;
}

function clear() {
  part('best').textContent = '–';
  part('truth').textContent = '';
  for (const item of part('guesses').children) {
    delete item.dataset.share;
    item.children[0].textContent = '–';
    item.children[0].removeAttribute('title');
    item.children[2].textContent = '';
  }
  fill(part('guesses'), Array.from(part('guesses').children, () => 0));
  part('true_picture').src = BLANK;
  const canvas = part('seen');
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  canvas.ariaLabel = 'What the network sees: nothing yet';
}

/** Fills the canvas with a picture of `size`, whose pixels are [red, green, blue, alpha] by their place. */
function spread(pen, [height, width], pixel) {
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) image.data.set(pixel(place), 4 * place);
  const small = made('canvas', { width, height });
  small.getContext('2d').putImageData(image, 0, 0);
  pen.drawImage(small, 0, 0, pen.canvas.width, pen.canvas.height);
}

function drawSkeleton(pen, points, skeleton, colours, factor) {
  const longer = Math.max(pen.canvas.width, pen.canvas.height);
  pen.lineWidth = LINE * longer;
  for (const [first, second] of skeleton) {
    if (!isFound(points[first]) || !isFound(points[second])) continue;
    pen.strokeStyle = colours[first];
    pen.beginPath();
    pen.moveTo(factor * points[first].x, factor * points[first].y);
    pen.lineTo(factor * points[second].x, factor * points[second].y);
    pen.stroke();
  }
  pen.lineWidth = 1;
  pen.strokeStyle = '#000000';
  points.forEach((point, index) => {
    if (!isFound(point)) return;
    pen.fillStyle = colours[index];
    pen.beginPath();
    pen.arc(factor * point.x, factor * point.y, DOT * longer, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
  });
}

function bytes(colour) {
  return colour.match(/[0-9a-f]{2}/g).map((pair) => parseInt(pair, 16));
}

function fill(table, shares) {
  [...table.querySelectorAll('u')].forEach((bar, index) => { bar.style.width = `${(100 * shares[index]).toFixed(2)}%`; });
}

function row(title, value) {
  return [made('span', { textContent: title }), made('i', { ariaHidden: 'true' }, [made('u')]), made('span', { className: 'number', textContent: value })];
}

function made(tag, properties = {}, children = []) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
