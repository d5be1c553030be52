/** A line-mode chat client over WebSocket: one line is one prompt, answers are printed as they come. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { GatewayError } from '../base/errors.ts';
import type { GatewayAddress } from '../server/link-connection.ts';
import type { DataFolder } from '../store/data-folder.ts';
import { printable, StreamedText } from './output.ts';

interface Identity {
  readonly clientId: string;
  readonly clientKey: string;
}

/** Kept in the data directory, so that the same user stays the same person. */
function readIdentity(path: string): Identity | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { clientId, clientKey } = value as Record<string, unknown>;
    return typeof clientId === 'string' && typeof clientKey === 'string'
      ? { clientId, clientKey }
      : undefined;
  } catch {
    return undefined; // the first chat from here
  }
}

interface Frame {
  readonly type?: string;
  readonly id?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface ChatIo {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly name: string;
}

/**
 * The operator socket where there is one. At an address that someone gave only the reader's `token` is sent, never the
 * operator's.
 */
function openSocket(address: GatewayAddress, token: string | undefined): WebSocket {
  if (typeof address !== 'string')
    return new WebSocket('ws://localhost/', { createConnection: () => connect(address.path) });
  return new WebSocket(
    address.replace(/^http/, 'ws'),
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  );
}

/** Runs until the input ends and every prompt has its answer. Rejects when the connection is lost or refused. */
export function runChat(
  address: GatewayAddress,
  token: string | undefined,
  folder: DataFolder,
  io: ChatIo,
): Promise<void> {
  const path = join(folder.root, 'gateway', 'chat-client.json');
  const known = readIdentity(path);
  const socket = openSocket(address, token);
  const open = new Set<string>();
  let ended = false;
  let count = 0;
  let streaming: string | undefined;
  const write = (text: string): void => void io.output.write(printable(text));
  const streamed = new StreamedText();
  const line = (text: string): void => {
    if (streaming !== undefined) write(`${streamed.end()}\n`);
    streaming = undefined;
    write(`${text}\n`);
  };
  return new Promise((resolve, reject) => {
    const finishWhenDone = (): void => {
      if (ended && open.size === 0) socket.close(1000);
    };
    const onFrame = (frame: Frame): void => {
      const { type, id, data = {} } = frame;
      switch (type) {
        case 'event':
          if (data['type'] === 'text_delta') {
            streaming = id;
            write(streamed.add(String(data['delta'] ?? '')));
          } else if (data['type'] === 'tool_start') line(`[${String(data['name'])}]`);
          return;
        case 'response':
          if (streaming === id) line('');
          else line(String(data['text'] ?? ''));
          if (id !== undefined) open.delete(id);
          break;
        case 'error':
          line(`! ${String(data['error'] ?? 'error')}`);
          if (id !== undefined) open.delete(id);
          break;
        case 'pairing_required':
          line(
            typeof data['code'] === 'string'
              ? `Waiting for the operator. Pairing code: ${data['code']}   (pi-gateway-tui pair ${data['code']})`
              : 'Waiting for the operator, without a code: too many others have one. Approve it in the console.',
          );
          break;
        case 'paired':
          line('You are approved.');
          break;
        case 'message':
          line(String(data['text'] ?? ''));
          break;
      }
      finishWhenDone();
    };
    socket.on('message', (raw) => {
      const frame = JSON.parse(raw.toString()) as Frame;
      if (frame.type === 'connected') {
        if (known !== undefined) return;
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileSync(
          path,
          `${JSON.stringify({ clientId: frame.data?.['clientId'], clientKey: frame.data?.['clientKey'] })}\n`,
          { mode: 0o600 },
        );
        return;
      }
      onFrame(frame);
    });
    socket.on('open', () => {
      if (known !== undefined)
        socket.send(JSON.stringify({ type: 'hello', data: { ...known, name: io.name } }));
      const lines = createInterface({ input: io.input });
      lines.on('line', (text) => {
        if (text.trim() === '') return;
        count += 1;
        const id = `${Date.now()}-${count}`;
        open.add(id);
        socket.send(JSON.stringify({ type: 'prompt', id, data: { message: text } }));
      });
      lines.on('close', () => {
        ended = true;
        finishWhenDone();
      });
    });
    socket.on('close', () => {
      if (ended && open.size === 0) resolve();
      else
        reject(
          new GatewayError('connection_lost', 'the gateway closed the connection', {
            hint: 'Start chat again: missed answers are delivered then.',
          }),
        );
    });
    socket.on('error', (error) =>
      reject(
        new GatewayError('connection_failed', error.message, {
          hint: 'Is the gateway running? pi-gateway-tui status',
        }),
      ),
    );
  });
}
