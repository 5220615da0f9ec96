/* The microphone as raw samples: nothing is compressed, and the browser's own filters are switched off. */

const SKIP_SECONDS = 0.15; // the click on the button
const TAIL_SECONDS = 0.3; // people press too early
const MAX_SECONDS = 60;

export class Microphone {
  /* Ask for it. `onlevel` gets the peak of every block, 0 to 1. */
  static async open(onlevel, deviceId = "") {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("The browser gives a microphone only to pages of this computer (127.0.0.1) or over HTTPS. Upload files instead.");
    }
    const plain = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const audio = deviceId ? { ...plain, deviceId: { exact: deviceId } } : plain;
    const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
      throw new Error(REASONS[error.name] ?? `The microphone cannot be used (${error.name}).`);
    });
    const context = new AudioContext();
    await context.audioWorklet.addModule("/page/capture_worklet.js");
    await context.resume();
    return new Microphone(stream, context, onlevel);
  }

  constructor(stream, context, onlevel) {
    Object.assign(this, { stream, context, onlevel, blocks: null, left: 0, ended: null });
    this.label = stream.getAudioTracks()[0].label;
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => this.take(data);
    context.createMediaStreamSource(stream).connect(this.node);
  }

  start() {
    this.blocks = [];
    this.left = (SKIP_SECONDS + MAX_SECONDS) * this.context.sampleRate;
    this.skip = SKIP_SECONDS * this.context.sampleRate;
    this.recorded = new Promise((done) => { this.ended = done; });
  }

  /* The take as a WAV file, a moment after it is asked for. */
  stop() {
    this.left = Math.min(this.left, TAIL_SECONDS * this.context.sampleRate);
    return this.recorded;
  }

  take(block) {
    this.onlevel(block.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0));
    if (!this.blocks) return;
    this.left -= block.length;
    if (this.skip > 0) this.skip -= block.length;
    else this.blocks.push(block);
    if (this.left > 0) return;
    const blocks = this.blocks;
    this.blocks = null;
    this.ended(wav(blocks, this.context.sampleRate));
  }

  close() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.context.close();
  }
}

const REASONS = {
  NotAllowedError: "The browser was not allowed to use the microphone. Allow it in the address bar, or upload files.",
  NotFoundError: "There is no microphone here. Plug one in, or upload files.",
  NotReadableError: "Another program holds the microphone. Close it, then try again.",
};

/* 16-bit mono WAV of float blocks. */
export function wav(blocks, rate) {
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * length));
  const word = (at, text) => [...text].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * length, true);
  word(8, "WAVEfmt ");
  [[16, 16, 4], [20, 1, 2], [22, 1, 2], [24, rate, 4], [28, 2 * rate, 4], [32, 2, 2], [34, 16, 2]].forEach(([at, value, size]) =>
    size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true));
  word(36, "data");
  view.setUint32(40, 2 * length, true);
  let at = 44;
  for (const block of blocks) {
    for (const value of block) {
      view.setInt16(at, Math.round(32767 * Math.max(-1, Math.min(1, value))), true);
      at += 2;
    }
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
