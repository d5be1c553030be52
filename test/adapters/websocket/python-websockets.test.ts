/**
 * The protocol against a client that shares no code with ours or with Node: Debian's python3-websockets.
 * Skipped where the system's Python does not have it (`apt-get install python3-websockets`).
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { never, request, startAdapter } from './adapter-kit.ts';

const PYTHON = '/usr/bin/python3';
const installed = spawnSync(PYTHON, ['-c', 'import websockets'], { timeout: 30_000 }).status === 0;

/** Connects, says hello again on a second connection, sends what it is told, prints every frame it gets. */
const SCRIPT = `
import asyncio, json, sys, websockets

async def main(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws:
        first = json.loads(await ws.recv())
        print(json.dumps(first), flush=True)
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws", max_size=None) as ws:
        await ws.recv()
        await ws.send(json.dumps({"type": "hello", "data": {**first["data"], "name": "py"}}))
        print(await ws.recv(), flush=True)
        await ws.send(json.dumps({"type": "prompt", "id": "p1", "data": {"message": "grüße 👋"}}))
        # A prompt in fragments, a binary frame, a large prompt.
        async def fragments():
            for piece in ['{"type":"prompt","id":"p2",', '"data":{"message":', '"in pieces"}}']:
                yield piece
        await ws.send(fragments())
        await ws.send(b"\\x00\\x01")
        await ws.send(json.dumps({"type": "prompt", "id": "p3", "data": {"message": "x" * 900000}}))
        await (await ws.ping())
        await ws.send(json.dumps({"type": "ping"}))
        missing = {"message", "pong"}
        while missing:
            text = await ws.recv()
            print(text, flush=True)
            missing.discard(json.loads(text)["type"])
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws:
        await ws.recv()
        try:
            await ws.send("x" * 1048577)
            await ws.recv()
        except websockets.ConnectionClosed as closed:
            print(json.dumps({"type": "closed", "code": closed.code}), flush=True)

asyncio.run(main(sys.argv[1]))
`;

describe.skipIf(!installed)('python3-websockets (skipped: not installed for /usr/bin/python3)', () => {
  it('chats: greeting, hello, prompts of every shape, answers with proof, limits', async () => {
    const { adapter, gateway, port, server } = await startAdapter();
    gateway.acceptWith(async (message) => {
      if (message.promptId === undefined) return;
      adapter.turnEvent?.(message.chat, message.promptId, { type: 'text_delta', delta: '…' });
      const answer = `${message.text.length} units`;
      await adapter.send(request(message.chat, answer, { kind: 'reply', promptId: message.promptId }), never);
      if (message.promptId === 'p3')
        await adapter.send(request(message.chat, 'bye', { kind: 'operator' }), never);
    });

    const child = spawn(PYTHON, ['-c', SCRIPT, String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void child.kill());
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      errors += String(chunk);
    });
    const [code] = await once(child, 'close');
    expect([code, errors]).toEqual([0, '']);

    const frames = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(frames[1]).toEqual(frames[0]);
    expect(
      gateway.messages.map((message) => [message.promptId, message.text.length, message.sender.name]),
    ).toEqual([
      ['p1', 8, 'py'],
      ['p2', 9, 'py'],
      ['p3', 900_000, 'py'],
    ]);
    expect(frames).toContainEqual({ type: 'event', id: 'p1', data: { type: 'text_delta', delta: '…' } });
    for (const [id, units] of [
      ['p1', 8],
      ['p2', 9],
      ['p3', 900_000],
    ])
      expect(frames).toContainEqual({ type: 'response', id, data: { text: `${units} units` } });
    expect(frames).toContainEqual({
      type: 'error',
      data: { error: expect.stringContaining('not binary'), code: 'bad_frame' },
    });
    expect(frames).toContainEqual(expect.objectContaining({ type: 'pong' }));
    expect(frames.at(-1)).toEqual({ type: 'closed', code: 1009 });
    await vi.waitFor(() => expect(server.clients()).toBe(0), { timeout: 15_000 });
  });
});
