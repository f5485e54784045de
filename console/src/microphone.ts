// Hands on what a microphone hears as realtime sessions take it: 16 bits, 24 kHz, a tenth of a second at a time.
// It runs in the browser's thread for sound, which knows nothing of the page.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, of: new () => AudioWorkletProcessor): void;

const RATE = 24_000;
const PIECE = RATE / 10;

class Microphone extends AudioWorkletProcessor {
  private piece = new Int16Array(PIECE);
  private filled = 0;
  private sum = 0;
  private many = 0;
  private due = 0;

  constructor() {
    super();
    // Whoever says that it was enough gets the rest, and then nothing.
    this.port.onmessage = () => {
      this.hand();
      this.port.postMessage(null);
    };
  }

  process([[heard]]: Float32Array[][]): boolean {
    for (const sample of heard ?? []) {
      this.sum += sample;
      this.many += 1;
      for (this.due += RATE / sampleRate; this.due >= 1; this.due -= 1) this.take(this.sum / this.many);
      if (this.due < RATE / sampleRate) this.sum = this.many = 0;
    }
    return true;
  }

  private take(sample: number): void {
    this.piece[this.filled++] = Math.max(-1, Math.min(1, sample)) * 0x7fff;
    if (this.filled === PIECE) this.hand();
  }

  private hand(): void {
    const piece = this.piece.slice(0, this.filled);
    this.filled = 0;
    if (piece.length) this.port.postMessage(piece.buffer, [piece.buffer]);
  }
}

registerProcessor("microphone", Microphone);
