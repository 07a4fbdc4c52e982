/** A part of the terminal that is drawn again in place, below what was printed before. */
import type { WriteStream } from "node:tty";

const ESC = "\u001b[";

export class Screen {
  readonly #stream: WriteStream;
  readonly #resized: () => void;
  #drawn = 0;

  constructor(stream: WriteStream) {
    this.#stream = stream;
    // Lines that a narrower terminal has wrapped cannot be found again.
    this.#resized = () => {
      this.#drawn = 0;
      stream.write(`${ESC}2J${ESC}H`);
    };
    stream.on("resize", this.#resized);
    stream.write(`${ESC}?25l`);
  }

  get columns(): number {
    return this.#stream.columns;
  }

  get rows(): number {
    return this.#stream.rows;
  }

  /** One write, so that nobody sees half a picture. No line may be wider than the screen, nor all of them higher. */
  draw(lines: readonly string[]): void {
    const up = this.#drawn === 0 ? "\r" : `\r${ESC}${this.#drawn}A`;
    this.#stream.write(`${up}${lines.map((line) => `${line}${ESC}K\n`).join("")}${ESC}J`);
    this.#drawn = lines.length;
  }

  /** Leaves the last picture where it is and the cursor below it. */
  close(): void {
    this.#stream.off("resize", this.#resized);
    this.#stream.write(`${ESC}?25h`);
  }
}
