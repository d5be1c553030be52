import * as zlib from 'node:zlib';

const TABLE = new Uint32Array(256).map((_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (IEEE) of bytes, table-driven: for runtimes whose zlib has none. */
export function crc32InJs(bytes: Uint8Array, start = 0): number {
  let c = ~start;
  for (const byte of bytes) c = (TABLE[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
}

/** CRC-32 (IEEE); `start` is the checksum of the bytes before. Node >= 22.2 has it in zlib. */
export const crc32: (bytes: Uint8Array, start?: number) => number =
  typeof zlib.crc32 === 'function' ? zlib.crc32 : crc32InJs;
