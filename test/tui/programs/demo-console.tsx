/**
 * A runnable console over a fake operator, for tests in a pseudo-terminal and for looking at the screen.
 * Environment: DEMO_SCENE busy|empty|signs, DEMO_RATE events a second, DEMO_CRASH (throws outside React after that many ms),
 * DEMO_THROW (throws while drawing after that many ms), DEMO_OUT (file that gets the reason of leaving).
 */
import { writeFileSync } from 'node:fs';
import { runConsole } from '../../../src/cli/console.tsx';
import type { SessionView } from '../../../src/gateway/operator/operator.ts';
import { createFakeOperator } from '../fake-operator.ts';
import { alive, busySnapshot, NOW, signsSnapshot, snapshotOf } from '../fixtures.ts';

const scene = process.env['DEMO_SCENE'] ?? 'busy';
const snapshot = alive(
  scene === 'empty' ? snapshotOf() : scene === 'signs' ? signsSnapshot() : busySnapshot(),
);
const operator = createFakeOperator({
  snapshot,
  queries: {
    transcript: alive([
      { at: NOW - 60_000, role: 'user', text: 'Please refactor the engine.' },
      { at: NOW - 50_000, role: 'tool', text: 'bash: npm test' },
      {
        at: NOW - 40_000,
        role: 'agent',
        text: '# Plan\n- read `engine.ts`\n- **split** it\n\n```ts\nconst a = 1;\n```',
      },
    ]),
    queue: [],
    config: [
      { key: 'port', value: 3847, source: 'default', help: 'Port of the HTTP and WebSocket server.' },
      { key: 'agent.backend', value: 'pi-rpc', source: 'file', help: 'Which agent answers.' },
    ],
  },
  answer(command) {
    if (command.type === 'pairing.approve' && command.requestId !== undefined) {
      const id = command.requestId;
      setTimeout(
        () => operator.push({ type: 'pairing-closed', id, outcome: 'approved', actor: 'operator' }),
        5,
      );
    }
    if (command.type === 'pairing.undo') {
      const request = snapshot.pairing.find((row) => row.id === command.requestId);
      if (request !== undefined) operator.push({ type: 'pairing', request });
    }
    process.stderr.write(`command ${JSON.stringify(command)}\n`);
    return { message: `done: ${command.type}` };
  },
});

const rate = Number(process.env['DEMO_RATE'] ?? 0);
const sessions: readonly SessionView[] = snapshot.sessions;
let count = 0;
const traffic =
  rate > 0
    ? setInterval(() => {
        for (let n = 0; n < Math.max(1, rate / 20); n += 1) {
          count += 1;
          const at = Date.now();
          operator.push({ type: 'traffic', direction: 'in', platform: 'telegram', at });
          operator.push({
            type: 'log',
            line: { at, level: 'info', source: 'telegram', text: `message ${count}` },
          });
          const session = sessions[count % sessions.length];
          if (session !== undefined)
            operator.push({ type: 'session', session: { ...session, lastUserAt: at } });
        }
      }, 50)
    : undefined;
if (process.env['DEMO_CRASH'] !== undefined)
  setTimeout(() => {
    throw new Error('demo crash');
  }, Number(process.env['DEMO_CRASH']));
if (process.env['DEMO_THROW'] !== undefined)
  setTimeout(() => {
    // A row that no type allows: drawing it throws inside React.
    const broken: SessionView = JSON.parse('{"id":"broken","state":"running"}');
    operator.push({ type: 'session', session: broken });
  }, Number(process.env['DEMO_THROW']));

const keepAlive = setInterval(() => {}, 1_000);
try {
  const result = await runConsole(operator, {
    inline: process.argv.includes('--inline'),
    ascii: process.argv.includes('--ascii'),
    ...(process.argv.includes('--screen-reader') ? { screenReader: true } : {}),
  });
  const out = process.env['DEMO_OUT'];
  if (out !== undefined) writeFileSync(out, result.reason);
  process.stdout.write(`left: ${result.reason}\n`);
} catch (error) {
  process.stdout.write(`failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  clearInterval(keepAlive);
  clearInterval(traffic);
}
