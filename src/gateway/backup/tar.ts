/** The tar format (POSIX pax), as much of it as a backup needs: regular files with any name and size. */

export interface TarFile {
  /** With `/` between directories. */
  readonly name: string;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const BLOCK = 512;
const LONGEST_NAME = 100;
/** What fits into the eleven octal digits of a header. */
const LARGEST = 8 ** 11 - 1;

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

function header(name: string, size: number, at: number, type: '0' | 'x'): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(name, 0, LONGEST_NAME, 'utf8');
  block.write(octal(0o600, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(Math.min(size, LARGEST), 11), 124);
  block.write(octal(Math.max(0, Math.trunc(at / 1000)), 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** `30 path=…\n`: the number counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

/** @throws Error when a file turns out to be shorter than its size */
export async function* tarOf(files: AsyncIterable<TarFile>): AsyncGenerator<Uint8Array> {
  for await (const { name, size, at, content } of files) {
    if (Buffer.byteLength(name) > LONGEST_NAME || size > LARGEST) {
      const records = Buffer.from(paxRecord('path', name) + paxRecord('size', String(size)));
      yield header('pax', records.length, at, 'x');
      yield records;
      yield padding(records.length);
    }
    yield header(name, size, at, '0');
    let written = 0;
    for await (const chunk of content) {
      const part = chunk.subarray(0, size - written);
      written += part.length;
      yield part;
    }
    if (written < size) throw new Error(`${name} became shorter while it was read`);
    yield padding(size);
  }
  yield new Uint8Array(2 * BLOCK);
}

/** Hands out bytes of a stream in the portions that are asked for. */
class Portions {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `most` bytes, without copying; undefined at the end. */
  async next(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** Exactly `length` bytes. @throws Error */
  async exactly(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const part = await this.next(left);
      if (part === undefined) throw new Error('it ends in the middle');
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }
}

const MOST_RECORDS = 64 * 1024;

export interface ReadFile {
  readonly name: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The files of an archive, in order; what of a file is not read is skipped. @throws Error for anything else */
export async function* filesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<ReadFile> {
  const portions = new Portions(source);
  let records = new Map<string, string>();
  for (;;) {
    const block = await portions.exactly(BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const octal = (at: number, length: number): number =>
      Number.parseInt(block.toString('latin1', at, at + length).replace(/[\0 ]+$/u, ''), 8);
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (octal(148, 8) !== sum) throw new Error('it is not an archive, or it is damaged');
    const type = block.toString('latin1', 156, 157);
    const size = Number(records.get('size') ?? octal(124, 12));
    if (!Number.isSafeInteger(size) || size < 0) throw new Error('a size in it is invalid');
    if (type === 'x') {
      if (size > MOST_RECORDS) throw new Error('a name in it is too long');
      records = recordsOf(await portions.exactly(size));
      await portions.exactly(padding(size).length);
      continue;
    }
    if (type !== '0') throw new Error('it holds something other than files');
    const name = records.get('path') ?? block.toString('utf8', 0, LONGEST_NAME).replace(/\0.*$/su, '');
    records = new Map();
    let left = size;
    const content = (async function* () {
      while (left > 0) {
        const part = await portions.next(left);
        if (part === undefined) throw new Error('it ends in the middle');
        left -= part.length;
        yield part;
      }
    })();
    yield { name, size, content };
    while (left > 0) {
      const part = await portions.next(left);
      if (part === undefined) throw new Error('it ends in the middle');
      left -= part.length;
    }
    await portions.exactly(padding(size).length);
  }
}

function recordsOf(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0) throw new Error('a name in it is invalid');
    const [key = '', value = ''] = bytes.toString('utf8', space + 1, at + length - 1).split(/=(.*)/su, 2);
    found.set(key, value);
    at += length;
  }
  return found;
}
