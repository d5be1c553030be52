/** Small readers for binary nodes. */
import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren } from 'baileys';

export const SERVER = 's.whatsapp.net';

export function node(
  tag: string,
  attrs: Record<string, string>,
  content?: BinaryNode['content'],
): BinaryNode {
  return { tag, attrs, ...(content === undefined ? {} : { content }) };
}

export function child(parent: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  return getBinaryNodeChild(parent, tag);
}

export function children(parent: BinaryNode | undefined, tag: string): BinaryNode[] {
  return getBinaryNodeChildren(parent, tag);
}

export function attr(of: BinaryNode, name: string): string {
  return of.attrs[name] ?? '';
}

export function bytes(of: BinaryNode | undefined): Buffer {
  const content = of?.content;
  if (!(content instanceof Uint8Array)) throw new Error(`<${of?.tag}> carries no bytes`);
  return Buffer.from(content);
}

export function number(of: BinaryNode | undefined): number {
  const content = bytes(of);
  return content.readUIntBE(0, content.length);
}

/** The part of an address that names the person. */
export function user(jid: string): string {
  return jid.split(/[:@]/, 1)[0] ?? '';
}

/** Something the test is sure to have; says what is missing otherwise. */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`there is no ${what}`);
  return value;
}
