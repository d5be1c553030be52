import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type AdapterDefinition, type Link, runAdapter } from '../../../src/adapters/kit/run-adapter.ts';
import type { AdapterHost, Capabilities, SendRequest } from '../../../src/gateway/adapter.ts';
import type { Attachment } from '../../../src/gateway/model.ts';

const capabilities: Capabilities = {
  edit: false,
  delete: false,
  typing: true,
  threads: false,
  reactions: false,
  attachmentsIn: true,
  attachmentsOut: false,
  buttons: false,
  streamsEvents: false,
  textLimit: 100,
  textUnit: 'utf16',
  editIntervalMs: 0,
  typingRefreshMs: 0,
  bangCommands: false,
  idempotentSend: false,
};
const host = {} as AdapterHost;
const request = {} as SendRequest;
const file: Attachment = { kind: 'file', name: 'a.txt', mimeType: 'text/plain', ref: 'r' };
const chat = { platform: 'slack', accountId: 'default', chatId: 'C1' } as const;
const never = new AbortController().signal;

function make(parked = false) {
  const done: string[] = [];
  const definition: AdapterDefinition<Link> = {
    platform: 'slack',
    label: 'Slack',
    capabilities,
    format: (text) => [{ text, plain: text }],
    connect: (_host, stopped) => ({
      start: async () => void done.push('start'),
      parked: () => parked,
      async stop() {
        done.push(`stop, ${stopped.aborted ? 'after' : 'before'} its signal`);
        await setImmediate();
        done.push('stopped');
      },
      send: (_request, signal) =>
        new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('cut')))),
      typing: async (_chat, on) => void done.push(`typing ${on}`),
    }),
    check: async (_signal, _stateDir, link) => ({ ok: link !== undefined, findings: [] }),
  };
  return { adapter: runAdapter(definition), done };
}

it('starts once, ends every send with its stop, and stops once', async () => {
  const { adapter, done } = make();
  await adapter.start(host);
  await adapter.start(host);
  const sent = expect(adapter.send(request, never)).rejects.toThrow('cut');
  expect(await adapter.check?.(never)).toMatchObject({ ok: true });
  await adapter.typing?.(chat, true);
  void adapter.stop();
  await adapter.stop();
  expect(done).toEqual(['start', 'typing true', 'stop, after its signal', 'stopped']);
  await sent;
});

it('begins again where it had given up', async () => {
  const { adapter, done } = make(true);
  await adapter.start(host);
  await adapter.start(host);
  expect(done).toEqual(['start', 'stop, after its signal', 'stopped', 'start']);
});

it('refuses to work while it is stopped, and does nothing where nobody waits', async () => {
  const { adapter, done } = make();
  await expect(adapter.send(request, never)).rejects.toMatchObject({ failure: 'unreachable' });
  await expect(adapter.fetchAttachment?.(file, 10, never)).rejects.toMatchObject({
    code: 'attachment_unavailable',
  });
  await adapter.typing?.(chat, true);
  await adapter.unanswered?.(chat, 'm');
  await adapter.stop();
  expect(await adapter.check?.(never)).toMatchObject({ ok: false });
  // What the platform cannot do is not there to be called.
  expect([adapter.edit, adapter.delete, done]).toEqual([undefined, undefined, []]);
});
