// Sound of a live session: what the microphone hears, and what is played, both 16 bits at 24 kHz.

const RATE = 24_000;

/** Plays pieces one behind the other, as they come. */
export class Player {
  private readonly playing = new Set<AudioBufferSourceNode>();
  private next = 0;

  /** `tell` is given of how many seconds each piece was, once it was played to its end. */
  constructor(private readonly context: AudioContext, private readonly tell: (seconds: number) => void) {}

  play(base64: string): void {
    const samples = samplesOf(base64);
    if (!samples.length) return;
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    source.onended = () => {
      if (this.playing.delete(source)) this.tell(buffer.duration);
    };
    this.next = Math.max(this.next, this.context.currentTime);
    source.start(this.next);
    this.next += buffer.duration;
    this.playing.add(source);
  }

  /** Is silent at once, whatever was to come. */
  stop(): void {
    for (const each of this.playing) each.stop();
    this.playing.clear();
    this.next = 0;
  }
}

/** Hears the microphone while it is asked to. */
export class Microphone {
  private stream: MediaStream | null = null;
  private node: AudioWorkletNode | null = null;

  constructor(private readonly context: AudioContext) {}

  /** Hears until `stop`; `tell` is given each piece. Asks who uses the browser whether it may. */
  async start(tell: (base64: string) => void): Promise<void> {
    // Browsers give it to pages of TLS or of the machine itself alone.
    if (!navigator.mediaDevices) throw new Error("The browser gives no microphone to a page without TLS.");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } }).catch((problem: DOMException) => {
      throw new Error(problem.name === "NotFoundError" ? "There is no microphone." : "The browser may not use the microphone.");
    });
    this.stream = stream;
    await this.context.audioWorklet.addModule("/console/microphone.js");
    this.node = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }: MessageEvent<ArrayBuffer | null>) => data && tell(base64Of(data));
    this.context.createMediaStreamSource(stream).connect(this.node);
  }

  /** Hands on the rest, and lets go of the microphone. */
  async stop(): Promise<void> {
    const { node, stream } = this;
    this.node = this.stream = null;
    if (node) await rest(node);
    for (const track of stream?.getTracks() ?? []) track.stop();
    node?.disconnect();
  }
}

/** Waits until a node has handed on all that it heard; what it was given before comes first. */
function rest(node: AudioWorkletNode): Promise<void> {
  return new Promise((resolve) => {
    node.port.addEventListener("message", ({ data }: MessageEvent) => data === null && resolve());
    node.port.postMessage(null);
  });
}

function samplesOf(base64: string): Float32Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, i) => view.getInt16(2 * i, true) / 0x8000);
}

function base64Of(buffer: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}
