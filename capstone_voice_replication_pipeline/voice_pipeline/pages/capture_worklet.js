/* Runs in the browser's audio thread and hands over what the microphone gives, 1024 samples at a time. */
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(1024);
    this.filled = 0;
  }

  process([[samples]]) {
    if (!samples) return true;
    for (const value of samples) {
      this.block[this.filled] = value;
      this.filled += 1;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}
registerProcessor("capture", Capture);
