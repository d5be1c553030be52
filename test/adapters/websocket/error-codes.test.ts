import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BAD_FRAME } from '../../../src/gateway/adapter.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Where frames of chat clients are answered. */
const SOURCES = [
  ...readdirSync(join(root, 'src/adapters/websocket')).map((name) => `src/adapters/websocket/${name}`),
  'src/gateway/receive/admission.ts',
  'src/gateway/receive/inbox.ts',
];

it('names every error code that a chat client can get in the documentation of the WebSocket', () => {
  const page = read('docs/adapters/websocket.md');
  const thrown = SOURCES.map(read).flatMap((text) => [
    ...[...text.matchAll(/GatewayError\(\s*'(\w+)'/g)].map(([, code = '']) => code),
    ...[...text.matchAll(/code \?\? '(\w+)'/g)].map(([, code = '']) => code),
  ]);
  const codes = [...new Set([BAD_FRAME, ...thrown])].sort();
  expect(codes).toEqual(
    expect.arrayContaining(['bad_client_key', 'bad_frame', 'late_hello', 'session_not_found']),
  );
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
