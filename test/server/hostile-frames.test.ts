import { expect, it, vi } from 'vitest';
import { type LogFields, type Logger, silentLogger } from '../../src/base/log.ts';
import { ChatClient } from './chat-client.ts';
import { startServer } from './server-kit.ts';

it('logs frames that make no sense once and then as a count each minute, and answers each of them', async () => {
  const lines: { message: string; fields: LogFields | undefined }[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (message, fields) => lines.push({ message, fields }),
    error: (message, fields) => lines.push({ message, fields }),
  };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { port, server } = await startServer({
      log,
      chatSockets: {
        accept: (socket) =>
          socket.onFrame((frame) => {
            if (frame['type'] === 'throw') throw new TypeError('a fault of ours');
          }),
      },
    });
    const client = await new ChatClient(port).open();
    for (let i = 0; i < 100; i += 1) client.socket.send('{"type":"throw"}');
    for (let i = 0; i < 100; i += 1) client.socket.send('[1');
    client.socket.send('{"type":"ping","id":7}');
    expect((await client.next('pong'))['id']).toBe(7);
    expect(client.frames.filter((frame) => frame.type === 'error').length).toBe(200);
    expect(lines.map(({ message }) => message)).toEqual([
      'a chat frame failed',
      'invalid frames from chat clients',
    ]);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(2)).toEqual([
      { message: 'a chat frame failed', fields: expect.objectContaining({ count: 99 }) },
      { message: 'invalid frames from chat clients', fields: expect.objectContaining({ count: 99 }) },
    ]);
    expect(server.counters().badFrames).toBe(100);
  } finally {
    vi.useRealTimers();
  }
});
