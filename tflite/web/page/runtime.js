/** Networks in LiteRT.js. It only logs that it failed, and then returns what was in memory: its complaints are errors here. */

const complaints = [];
const BROKEN = /ERROR|Failed/;
const CHATTER = /^(INFO|WARNING):/;
const LEAST_MILLISECONDS = 12; // The clock is coarse, so that quick networks run several times per round.
const WARMUP_MILLISECONDS = 500; // Browsers compile what runs often a second time, and better.
const KEPT_ROUNDS = 31;

let litert = null;
let last = Promise.resolve();

/** What the person at the page can do something about. */
export class Problem extends Error {}

/** A .tflite file that is ready to run. */
export class Network {
  /**
   * @param {object} model as LiteRT.js compiles it.
   * @param {[number, number]} size (height, width) of its images.
   */
  constructor(model, [height, width]) {
    this.model = model;
    this.shape = [1, height, width, 3];
    this.isWarm = false;
  }

  /**
   * @param {Float32Array} input RGB rows from 0 to 1.
   * @returns {Promise<Float32Array>} logits.
   */
  run(input) {
    return alone(() => watched(() => answer(this.model, input, this.shape)));
  }

  /**
   * @param {Float32Array} input RGB rows from 0 to 1.
   * @returns {Promise<number>} milliseconds per image.
   */
  time(input) {
    return alone(() =>
      watched(async () => {
        if (!this.isWarm) await this.repeat(input, WARMUP_MILLISECONDS);
        this.isWarm = true;
        return this.repeat(input, LEAST_MILLISECONDS);
      }),
    );
  }

  async repeat(input, milliseconds) {
    const started = performance.now();
    let runs = 0;
    do {
      await answer(this.model, input, this.shape);
      runs++;
    } while (performance.now() - started < milliseconds);
    return (performance.now() - started) / runs;
  }
}

/** Times of two networks that take turns; the newest rounds are kept. */
export class Race {
  /**
   * @param {Network} first
   * @param {Network} second
   */
  constructor(first, second) {
    this.networks = [first, second];
    this.rounds = [];
  }

  /** @param {Float32Array} input RGB rows from 0 to 1. */
  async round(input) {
    const times = [];
    for (const network of this.networks) times.push(await network.time(input));
    this.rounds = [...this.rounds, times].slice(-KEPT_ROUNDS);
  }

  /** @returns {[number, number]} median milliseconds of both. */
  get milliseconds() {
    return [0, 1].map((index) => median(this.rounds.map((times) => times[index])));
  }
}

/**
 * Loads the runtime itself.
 * @throws {Problem} it does not start here.
 */
export async function start() {
  if (typeof WebAssembly === 'undefined') {
    throw new Problem('This browser runs no WebAssembly, in which the network runs. Open this page in a current Firefox, Chrome, Edge or Safari.');
  }
  listen();
  try {
    litert = await import('@litertjs/core');
    await litert.loadLiteRt('/litert/core/wasm/');
  } catch (error) {
    throw new Problem(`The runtime LiteRT.js did not start (${reason(error)}). Is the command still running? Load the page again.`);
  }
}

/**
 * @param {string} url of a .tflite file.
 * @param {[number, number]} size (height, width) of its images.
 * @returns {Promise<Network>}
 * @throws {Problem} it does not load or run.
 */
export async function load(url, size) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Problem(`The file ${url} was not served. Is the command still running? Load the page again.`);
  const content = new Uint8Array(await response.arrayBuffer());
  try {
    const model = await alone(() => watched(() => litert.loadAndCompile(content, { accelerator: 'wasm' })));
    const network = new Network(model, size);
    await network.run(new Float32Array(size[0] * size[1] * 3)); // Memory is only found at the first run.
    return network;
  } catch (error) {
    throw new Problem(`The file ${url} does not run in this browser (${reason(error)}). Start the command again with another --format or ticket.`);
  }
}

/** @param {unknown} error */
export function reason(error) {
  return String(error?.message || error).split('\n')[0].trim().replace(/\.$/, '');
}

async function answer(model, input, shape) {
  const tensor = new litert.Tensor(input, shape);
  try {
    const [output, ...others] = await model.run(tensor);
    const values = Float32Array.from(output.toTypedArray());
    for (const entry of [output, ...others]) entry.delete();
    return values;
  } finally {
    tensor.delete();
  }
}

/** Does one thing after the other, so that no network is run while it runs, and complaints are of one alone. */
function alone(work) {
  const result = last.then(work);
  last = result.catch(() => {});
  return result;
}

async function watched(work) {
  const before = complaints.length;
  const result = await work();
  const broken = complaints.slice(before).find((line) => BROKEN.test(line));
  if (broken) throw new Error(broken);
  return result;
}

/** Reads along with what the runtime writes to the console, in the place of throwing; its chatter is no error there. */
function listen() {
  for (const level of ['warn', 'error']) {
    const original = console[level];
    console[level] = (...words) => {
      complaints.push(words.join(' '));
      (CHATTER.test(words[0]) ? console.debug : original).apply(console, words);
    };
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
