// Does in Chromium what a person does with the page, and prints what is then seen, as JSON. The job is a JSON file; see page_test.py.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const job = JSON.parse(await readFile(process.argv[2], 'utf8'));
const { chromium } = createRequire(job.packages)('playwright-core');
const SECONDS = 1000;

/** What a person sees. */
const seen = (page) => page.evaluate(() => {
  const text = (id) => document.getElementById(id).textContent;
  const shares = [...document.querySelectorAll('#guesses li')].map((item) => [item.children[0].textContent, Number(item.dataset.share), item.children[2].textContent]);
  const rows = (id) => [...document.querySelectorAll(`#${id} .number`)].map((entry) => entry.textContent);
  return {
    shares, status: text('status'), isWrong: document.getElementById('status').classList.contains('wrong'), best: text('best'), truth: text('truth'),
    times: rows('times'), sizes: rows('sizes'), finding: text('finding'), why: text('why'), method: text('method'), lead: text('lead'), tiles: text('tiles'),
    isInvited: !document.getElementById('invitation').hidden,
  };
});

const places = (page) => page.evaluate(() => ['stage', 'status', 'examples', 'guesses', 'times', 'sizes'].map((id) => {
  const { x, y, width, height } = document.getElementById(id).getBoundingClientRect();
  return [x + scrollX, y + scrollY, width, height];
}));

const ready = (page) => page.waitForFunction(() => document.getElementById('status').textContent.startsWith('Ready'));
const answered = (page, name) => page.waitForFunction((start) => document.getElementById('status').textContent.startsWith(`${start}: `), name);
const failed = (page) => page.waitForSelector('.status.wrong');
const timed = (page) => page.waitForFunction(() => /Medians of (9|[1-9]\d)/.test(document.getElementById('method').textContent));
const file = async (path) => ({ name: path.split('/').pop(), bytes: [...await readFile(path)] });

/** Files, or text, as a drop or a paste brings them. */
const bring = (page, kind, files, text = '') => page.evaluate(([kind, files, text]) => {
  const transfer = new DataTransfer();
  for (const { name, bytes } of files) transfer.items.add(new File([new Uint8Array(bytes)], name));
  if (text) transfer.setData('text/plain', text);
  const place = document.getElementById('stage');
  const event = kind === 'drop'
    ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
    : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
  place.dispatchEvent(event);
}, [kind, files, text]);

// All on one page, one after the other, as a person would.
const scenarios = {
  async vectors(page) {
    return page.evaluate(async ([crops, guesses]) => {
      const { centerCrop, mostLikely, toInput } = await import('/picture.js');
      const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
      const different = crops.filter((line) => {
        const [width, height, outHeight, outWidth, keep, pixels, expected] = line.split(' ');
        const data = bytes(pixels);
        const found = centerCrop({ data, width: Number(width), height: Number(height) }, [Number(outHeight), Number(outWidth)], Number(keep));
        return found.length !== expected.length / 2 || bytes(expected).some((value, i) => value !== found[i]);
      });
      const said = guesses.map((line) => mostLikely(line.split(' ')[0].split(',').map(Number), 5).map(({ index, share }) => [index, share]));
      return { different: different.map((line) => line.slice(0, 30)), said, input: [...toInput(Uint8ClampedArray.from({ length: 256 }, (_, i) => i))] };
    }, [job.crops, job.guesses]);
  },
  async fresh(page) {
    return { ...await seen(page), places: await places(page) };
  },
  async keyboard(page) {
    const stops = [];
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('Tab');
      stops.push(await page.evaluate(() => document.activeElement.id || document.activeElement.parentElement.id));
    }
    await page.keyboard.press('Enter');
    await answered(page, 'The example');
    return { stops, outline: await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), ...await seen(page) };
  },
  async example(page) {
    await timed(page);
    await page.locator('#thumbnails button').nth(1).click();
    await answered(page, 'The example');
    await page.waitForSelector('#thumbnails button:nth-child(2)[aria-pressed=true]');
    return { ...await seen(page), places: await places(page) };
  },
  async chosen(page) {
    await page.setInputFiles('#file', job.pictures[0]);
    await answered(page, 'first.png');
    return seen(page);
  },
  async dropped(page) {
    await bring(page, 'drop', [await file(job.pictures[1])]);
    await answered(page, 'second.png');
    return seen(page);
  },
  async pasted(page) {
    await bring(page, 'paste', [await file(job.pictures[0])]);
    await answered(page, 'first.png');
    return seen(page);
  },
  async text(page) {
    await bring(page, 'drop', [{ name: 'notes.txt', bytes: [...Buffer.from('hello')] }]);
    await failed(page);
    return seen(page);
  },
  async address(page) {
    await bring(page, 'drop', [], 'https://example.com/picture.png');
    await failed(page);
    return seen(page);
  },
  async hurried(page) {
    await page.evaluate(() => {
      const decode = window.createImageBitmap;
      let calls = 0;
      window.createImageBitmap = async (...words) => {
        if (calls++ === 0) await new Promise((resolve) => { setTimeout(resolve, 800); });
        return decode(...words);
      };
      window.bests = new Set();
      new MutationObserver(() => window.bests.add(document.getElementById('status').textContent))
        .observe(document.getElementById('status'), { childList: true });
    });
    await bring(page, 'drop', [await file(job.pictures[0])]);
    await bring(page, 'drop', [await file(job.pictures[1])]);
    await answered(page, 'second.png');
    await page.waitForTimeout(1200);
    return { ...await seen(page), said: await page.evaluate(() => [...window.bests]) };
  },
  async camera(page) {
    await page.evaluate(() => {
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (...words) => (window.stream = await ask(...words));
    });
    const states = () => page.evaluate(() => window.stream.getTracks().map((track) => track.readyState));
    await page.click('#camera');
    await page.evaluate(() => new Promise((resolve) => {
      let frames = 0;
      new MutationObserver(() => document.querySelector('#guesses li').dataset.share && ++frames === 3 && resolve())
        .observe(document.getElementById('best'), { childList: true });
    }));
    const during = { ...await seen(page), states: await states(), isMirrored: await page.evaluate(() => getComputedStyle(document.getElementById('video')).transform) };
    await page.click('#camera');
    const after = { ...await seen(page), states: await states() };
    await page.waitForTimeout(600);
    return { during, after, later: await seen(page) };
  },
  async forbidden(page) {
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
    });
    await page.click('#camera');
    await failed(page);
    return seen(page);
  },
  async phone(page) {
    await page.setViewportSize({ width: 390, height: 844 });
    await bring(page, 'drop', [await file(job.pictures[0])]);
    await answered(page, 'first.png');
    return page.evaluate(() => ({ width: document.documentElement.scrollWidth }));
  },
};

/** A page of its own each. */
const broken = {
  async garbage(page) {
    await page.goto(job.garbage);
    await failed(page);
    return seen(page);
  },
  async halfGarbage(page) {
    await page.goto(job.halfGarbage);
    await ready(page);
    await page.setInputFiles('#file', job.pictures[0]);
    await answered(page, 'first.png');
    return seen(page);
  },
  async noWebAssembly(page) {
    await page.addInitScript('delete window.WebAssembly');
    await page.goto(job.address);
    await failed(page);
    return seen(page);
  },
};

/** What pages of maps show of their first example, and what the page's own arithmetic makes of vectors. */
async function playMaps(page, address) {
  await page.goto(address);
  await ready(page);
  const before = await places(page);
  await page.locator('#thumbnails button').first().click();
  await answered(page, 'The example');
  const drawn = await page.evaluate(async () => {
    const { width, height } = document.getElementById('seen');
    const { data } = document.getElementById('seen').getContext('2d').getImageData(0, 0, width, height);
    await document.getElementById('true_picture').decode();
    return { width, height, pixels: [...data], truthUrl: document.getElementById('true_picture').getAttribute('src') };
  });
  return { ...await seen(page), ...drawn, before, places: await places(page) };
}

const mapVectors = (page) => page.evaluate(async (vectors) => {
  const { joints, labelled, single } = await import('/maps.js');
  return vectors.map(({ values, map, repeats, labels, size }) => {
    const found = single(Float32Array.from(values), { map, repeats, labels });
    return { mask: [...labelled(found, size)], joints: joints(found, size).map(({ x, y, confidence }) => [x, y, confidence]) };
  });
}, job.mapVectors);

async function main() {
  const args = [...job.flags, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
  const browser = await chromium.launch({ executablePath: job.executable, args });
  const result = { requests: [], errors: [], scenarios: {} };
  const open = async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(40 * SECONDS);
    page.on('request', (request) => result.requests.push(request.url()));
    return page;
  };
  const play = async (name, act, page) => {
    try {
      result.scenarios[name] = await act(page);
    } catch (error) {
      result.scenarios[name] = { error: String(error).slice(0, 600), seen: await seen(page).catch(() => null) };
    }
  };
  const page = await open();
  page.on('console', (message) => message.type() === 'error' && result.errors.push(message.text()));
  page.on('pageerror', (error) => result.errors.push(String(error)));
  await page.goto(job.address);
  await ready(page);
  for (const [name, act] of Object.entries(scenarios)) await play(name, act, page);
  await page.close();
  for (const [name, address] of Object.entries(job.maps)) await play(name, (other) => playMaps(other, address), await open());
  await play('mapVectors', async (other) => { await other.goto(job.address); return mapVectors(other); }, await open());
  for (const [name, act] of Object.entries(broken)) await play(name, act, await open());
  await browser.close();
  console.log(JSON.stringify(result));
}

await main();
