import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../../base/async.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Adapter } from '../adapter.ts';
import type { AgentImage, AgentInput } from '../agent/agent.ts';
import type { Attachment, InboundMessage } from '../model.ts';
import { fileTag } from '../personal-data/person.ts';
import { errorSentence } from '../send/error-sentence.ts';
import {
  aboveBlock,
  type ContextMode,
  contextHeader,
  gatewayLine,
  plainText,
  quotedValue,
  referredBlock,
} from './context-header.ts';

export const ATTACHMENT_LIMITS = {
  maxBytes: 20 * 1024 * 1024,
  inlineTextBytes: 64 * 1024,
  /** Models take no larger ones; the agent can still open the saved file. */
  imageBytes: 5 * 1024 * 1024,
  /** Files of one message. */
  maxFiles: 20,
  fetchMs: 60_000,
} as const;

const IMAGE_TYPES: readonly (readonly [string, readonly number[]])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
];

/** The image type that the bytes themselves show; a name or a header proves nothing. */
export function sniffImage(bytes: Uint8Array): string | undefined {
  for (const [type, magic] of IMAGE_TYPES) if (magic.every((byte, i) => bytes[i] === byte)) return type;
  const riff = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return riff.startsWith('RIFF') && riff.endsWith('WEBP') ? 'image/webp' : undefined;
}

export interface InputOptions {
  /** False: the agent does not see our files. */
  readonly sharesFiles?: boolean | undefined;
  readonly context?: ContextMode;
  readonly now?: number;
  /** Is this word of the agent a program that reads its arguments? Then nothing is added to them. */
  readonly isProgram?: (word: string) => boolean;
}

/** A message that the agent itself takes apart: one of its templates, skills or commands. */
const AGENT_WORD = /^\/([A-Za-z][\w:.-]*)(?=\s|$)/;

/**
 * What the agent gets of a message: a line about it, what it refers to, its text, images as images, small text files
 * inlined, everything else as a saved file whose path it is told. A file that cannot be had becomes a sentence, never a
 * failed turn. An agent that does not see our files is told so.
 */
export async function prepareInput(
  message: InboundMessage,
  adapter: Adapter | undefined,
  folder: string,
  options: InputOptions = {},
): Promise<Omit<AgentInput, 'id'>> {
  const { replyTo, forwardedFrom, above = [], unreadable } = message;
  const { sharesFiles = true, context = 'brief', now = Date.now() } = options;
  const files = new InputFiles(
    adapter,
    folder,
    sharesFiles,
    fileTag(message.chat.platform, message.sender.id),
  );
  await files.add(message.attachments ?? [], 'attached');
  await files.add(forwardedFrom?.attachments ?? [], 'forwarded');
  await files.add(replyTo?.attachments ?? [], 'quoted');

  const header = contextHeader(message, context, now);
  const blocks = [
    ...(above.length === 0 ? [] : [aboveBlock(above)]),
    ...(replyTo === undefined ? [] : [referredBlock('it answers a message by', replyTo)]),
    ...(forwardedFrom === undefined ? [] : [referredBlock('it forwards a message by', forwardedFrom)]),
  ].filter((block) => block !== undefined);
  const notes = [
    ...(unreadable === undefined
      ? []
      : [gatewayLine(`it also contains ${quotedValue(unreadable)}, which cannot be read`)]),
    ...files.notes,
  ];
  const text = plainText(message.text);
  const { images } = files;
  return {
    text: assemble({ header, blocks, text, notes }, message, options),
    ...(images.length === 0 ? {} : { images }),
  };
}

interface Pieces {
  readonly header: string | undefined;
  readonly blocks: readonly string[];
  readonly text: string;
  readonly notes: readonly string[];
}

function assemble(
  { header, blocks, text, notes }: Pieces,
  { chatKind }: InboundMessage,
  options: InputOptions,
): string {
  const word = AGENT_WORD.exec(text)?.[1];
  if (word !== undefined) {
    // The agent looks for its words at the very beginning, and gives the rest to them.
    const named = chatKind === 'group' && header !== undefined && options.isProgram?.(word) !== true;
    const behind = [...(named ? [header] : []), ...blocks, ...notes];
    return [text, ...behind].join(text.includes(' ') ? '\n\n' : ' ');
  }
  const before = [...(header === undefined ? [] : [header]), ...blocks];
  // Where blocks end and the message begins must be as certain as where they come from.
  if (blocks.length > 0 && text !== '') before.push(gatewayLine('message'));
  const beginning = [...before, ...(text === '' ? [] : [text])].join('\n');
  return [...(beginning === '' ? [] : [beginning]), ...notes].join('\n\n');
}

/** The files of a message and of those that it refers to, as the agent gets them. */
class InputFiles {
  readonly images: AgentImage[] = [];
  readonly notes: string[] = [];
  readonly #adapter: Adapter | undefined;
  readonly #folder: string;
  readonly #sharesFiles: boolean;
  /** Says whose files these are, so that they can be found when that is asked for. */
  readonly #tag: string;
  #count = 0;

  constructor(adapter: Adapter | undefined, folder: string, sharesFiles: boolean, tag: string) {
    this.#adapter = adapter;
    this.#folder = folder;
    this.#tag = tag;
    this.#sharesFiles = sharesFiles;
  }

  async add(attachments: readonly Attachment[], how: 'attached' | 'forwarded' | 'quoted'): Promise<void> {
    for (const attachment of attachments) {
      const name = `${how} file ${quotedValue(attachment.name)}`;
      try {
        this.#count += 1;
        if (this.#count > ATTACHMENT_LIMITS.maxFiles)
          throw new GatewayError(
            'too_many_files',
            `only ${ATTACHMENT_LIMITS.maxFiles} files of a message are read`,
          );
        const note = await this.#take(attachment, name);
        if (note !== undefined) this.notes.push(note);
      } catch (error) {
        this.notes.push(gatewayLine(`${name} could not be fetched: ${plainText(errorSentence(error))}`));
      }
    }
  }

  async #take(attachment: Attachment, name: string): Promise<string | undefined> {
    const bytes = await fetchBytes(attachment, this.#adapter);
    const imageType = sniffImage(bytes);
    if (imageType !== undefined && bytes.byteLength <= ATTACHMENT_LIMITS.imageBytes) {
      this.images.push({ mimeType: imageType, dataBase64: Buffer.from(bytes).toString('base64') });
      return name.startsWith('attached') ? undefined : gatewayLine(`${name} is image ${this.images.length}`);
    }
    const text = asText(bytes);
    if (text !== undefined) return `${gatewayLine(name)}\n${fenced(plainText(text))}`;
    if (this.#sharesFiles)
      return gatewayLine(`${name} was saved to ${await save(attachment, bytes, this.#folder, this.#tag)}`);
    return gatewayLine(
      `${name} (${bytes.byteLength} bytes) cannot be opened here: it is on another machine than you. Let the sender know.`,
    );
  }
}

/** In a fence that nothing in the text can close. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

async function fetchBytes(attachment: Attachment, adapter: Adapter | undefined): Promise<Uint8Array> {
  const { maxBytes, fetchMs } = ATTACHMENT_LIMITS;
  if ((attachment.sizeBytes ?? 0) > maxBytes) throw tooLarge();
  const fetch = adapter?.fetchAttachment?.bind(adapter);
  if (fetch === undefined) throw new GatewayError('not_connected', 'the platform is not connected');
  const bytes = await withDeadline(fetchMs, (signal) => fetch(attachment, maxBytes, signal));
  if (bytes.byteLength > maxBytes) throw tooLarge();
  return bytes;
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'attachment_too_large',
    `it is larger than ${ATTACHMENT_LIMITS.maxBytes / 1024 / 1024} MB`,
  );
}

function asText(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > ATTACHMENT_LIMITS.inlineTextBytes || bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // not UTF-8: a file for the tools
  }
}

/** The name from outside never becomes a path: only its harmless characters, below a random directory name. */
async function save(attachment: Attachment, bytes: Uint8Array, folder: string, tag: string): Promise<string> {
  const safe =
    attachment.name
      .replace(/[^\p{L}\p{N}._-]+/gu, '_')
      .replace(/^\.+/, '')
      .slice(0, 100) || 'file';
  const own = join(folder, `${tag}-${randomUUID()}`);
  await mkdir(own, { recursive: true, mode: 0o700 });
  const path = join(own, safe);
  await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
  return path;
}
