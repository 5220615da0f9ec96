/* Plays a WAV stream of 16-bit samples while it arrives. */

const AHEAD_SECONDS = 30; // more is not read from the service before it is needed

export class PcmPlayer {
  constructor() {
    this.context = new AudioContext();
    this.context.resume();
    this.rate = 0; // Hz; the stream's head tells
    this.at = 0;
    this.seconds = 0;
    this.kept = [];
  }

  /* Play what `body` brings; gives the seconds before each part. Keeps the samples of the first `keep` seconds. */
  async *feed(body, signal, keep) {
    const reader = body.getReader();
    let half = new Uint8Array(0); // the head, or a sample, may arrive in two parts
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      let bytes = new Uint8Array(half.length + value.length);
      bytes.set(half);
      bytes.set(value, half.length);
      if (!this.rate) {
        const head = headOf(new DataView(bytes.buffer));
        if (head) this.rate = head.rate;
        bytes = head ? bytes.slice(head.end) : bytes;
      }
      if (!this.rate) {
        half = bytes;
        continue;
      }
      const whole = bytes.length - (bytes.length % 2);
      half = bytes.slice(whole);
      if (!whole) continue;
      const samples = Float32Array.from(new Int16Array(bytes.buffer, 0, whole / 2), (sample) => sample / 32768);
      yield this.seconds;
      this.add(samples, keep);
      await until(() => this.at - this.context.currentTime < AHEAD_SECONDS, signal);
    }
  }

  add(samples, keep) {
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    this.at = Math.max(this.at, this.context.currentTime + 0.05);
    source.start(this.at);
    this.at += buffer.duration;
    this.seconds += buffer.duration;
    if (this.seconds <= keep) this.kept.push(samples);
  }

  /* Until the last sample was played. */
  heard(signal) {
    return until(() => this.context.currentTime >= this.at, signal);
  }

  close() {
    this.context.close();
  }
}

async function until(ready, signal) {
  while (!ready()) {
    if (signal.aborted) throw new DOMException("stopped", "AbortError");
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

/* Sample rate, and where the samples begin; null while the head is not complete. */
function headOf(view) {
  let rate = 0;
  for (let at = 12; at + 8 <= view.byteLength; at += 8 + view.getUint32(at + 4, true)) {
    const chunk = String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n)));
    if (chunk === "data") return { rate, end: at + 8 };
    if (chunk === "fmt " && at + 16 <= view.byteLength) rate = view.getUint32(at + 12, true);
  }
  return null;
}
