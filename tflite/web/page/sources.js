/** Where pictures come from: files and the camera. */

import { Problem } from './runtime.js';

const MOST_PIXELS = 50e6;
const CAMERA_PROBLEMS = {
  NotAllowedError: 'The camera was not allowed. Allow it for this page in the browser’s address bar, or choose a picture.',
  NotFoundError: 'No camera was found. Connect one, or choose a picture.',
  NotReadableError: 'The camera cannot be read; another program may be using it. Close that one, or choose a picture.',
};

/**
 * The pixels of an encoded picture as they are stored, upright.
 * @param {Blob} blob
 * @param {string} name what messages call it.
 * @returns {Promise<import('./picture.js').Rgba>}
 * @throws {Problem} it is none, or too large.
 */
export async function decoded(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', imageOrientation: 'from-image', premultiplyAlpha: 'none' });
  } catch {
    throw new Problem(`${name} is no picture that this browser can read. Choose a PNG, JPEG, WebP or GIF file.`);
  }
  const { width, height } = bitmap;
  try {
    if (width * height > MOST_PIXELS) {
      throw new Problem(`${name} has ${Math.round((width * height) / 1e6)} megapixels; this page reads up to ${MOST_PIXELS / 1e6}. Make it smaller first.`);
    }
    return pixelsOf(bitmap, width, height);
  } finally {
    bitmap.close();
  }
}

/** The camera, shown in a video element. */
export class Camera {
  /**
   * @param {HTMLVideoElement} video
   * @param {() => void} onEnd called when the camera goes away by itself.
   */
  constructor(video, onEnd) {
    this.video = video;
    this.onEnd = onEnd;
    this.stream = null;
    this.asked = 0;
  }

  /**
   * @returns {Promise<boolean>} whether it is on; not when it was stopped meanwhile.
   * @throws {Problem} there is none, or it was not allowed.
   */
  async start() {
    const asked = ++this.asked;
    let stream;
    try {
      const wanted = { facingMode: 'environment', width: { ideal: 640 }, height: { ideal: 480 } };
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wanted });
    } catch (error) {
      throw new Problem(CAMERA_PROBLEMS[error.name] ?? 'This browser gives the page no camera. Open it under http://localhost, or choose a picture.');
    }
    if (asked !== this.asked) {
      release(stream);
      return false;
    }
    this.stream = stream;
    const [track] = stream.getVideoTracks();
    track.addEventListener('ended', () => this.onEnd());
    // As in a mirror, where it looks at the one who sits in front of it. Only what is shown is turned.
    this.video.classList.toggle('mirrored', track.getSettings().facingMode !== 'environment');
    this.video.srcObject = stream;
    await this.video.play().catch(() => {}); // A camera that is stopped at once ends the wait.
    return asked === this.asked;
  }

  /** @returns {import('./picture.js').Rgba | null} the newest frame; none yet at the very start. */
  frame() {
    const { videoWidth, videoHeight } = this.video;
    return videoWidth ? pixelsOf(this.video, videoWidth, videoHeight) : null;
  }

  /** Switches it off. */
  stop() {
    this.asked++;
    if (this.stream) release(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function pixelsOf(source, width, height) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
