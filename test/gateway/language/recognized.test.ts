/**
 * What adapters, the approval of tool calls and the store say in English is read back as messages of the catalogue: whoever
 * changes such a sentence in one place only would make people read English.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { UNREADABLE as DISCORD } from '../../../src/adapters/discord/contents.ts';
import { UNREADABLE as SLACK } from '../../../src/adapters/slack/contents.ts';
import { UNREADABLE as TELEGRAM } from '../../../src/adapters/telegram/contents.ts';
import { UNREADABLE as WHATSAPP } from '../../../src/adapters/whatsapp/content.ts';
import { classifyCall } from '../../../src/agents/approval/approval.ts';
import { english } from '../../../src/gateway/language/english/english.ts';
import { parseMessage } from '../../../src/gateway/language/icu.ts';
import { type MessageKey, readEnglish } from '../../../src/gateway/language/languages.ts';

const folder = mkdtempSync(join(tmpdir(), 'recognized-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('knows everything that adapters cannot read', () => {
  const said = [TELEGRAM, DISCORD, SLACK, WHATSAPP].flatMap((names) => Object.values<string>(names));
  expect(said.length).toBeGreaterThan(25);
  expect(said.filter((name) => readEnglish(name, 'thing.') === undefined)).toEqual([]);
});

it('knows why a tool call is asked about, and what approving it for the session means', () => {
  const bash = (command: string) => classifyCall('bash', { command }, folder);
  const calls = [
    bash('ls'),
    bash('git push'),
    bash('rm -rf build'),
    bash('echo $HOME | sh'),
    classifyCall('bash', { command: 'ls', env: {} }, folder),
    classifyCall('lights', {}, folder),
    ...['read', 'write'].flatMap((tool) =>
      ['notes.txt', '/etc/hosts', '~/.pi/agent/auth.json', 'AGENTS.md', 'a\nb'].map((path) =>
        classifyCall(tool, { path, content: '' }, folder),
      ),
    ),
  ];
  const keyOf = (text: string, area: string): string => readEnglish(text, area)?.key ?? `unknown: ${text}`;
  expect(new Set(calls.map(({ reason }) => keyOf(reason, 'why.')))).toEqual(
    new Set([
      ...['onlyReads', 'notListed', 'notPlain', 'unusual', 'notPi'].map((name) => `why.${name}`),
      ...['Inside', 'Outside', 'Secret', 'Unclear'].flatMap((place) => [
        `why.reads${place}`,
        `why.writes${place}`,
      ]),
      'why.writesSteering',
    ]),
  );
  expect(new Set(calls.map(({ group }) => keyOf(group, 'group.')))).toEqual(
    new Set(['reads', 'beginsWith', 'command', 'tool', 'below', 'path'].map((name) => `group.${name}`)),
  );
});

it('reads back only what is still said in those words', () => {
  const source = readdirSync('src', { recursive: true })
    .map(String)
    .filter((name) => /\.tsx?$/.test(name) && !name.includes('gateway/language/'))
    .map((name) => readFileSync(`src/${name}`, 'utf8'))
    .join('\n')
    .replaceAll("\\'", "'");
  const stale = (Object.keys(english) as MessageKey[]).filter(
    (key) =>
      // What is made of "reads" and "writes" is tried above.
      /^(?!why\.(reads|writes))(why|group|thing|file|schedule\.paused[A-Z])/.test(key) &&
      !source.includes(`say('${key}'`) &&
      !parseMessage(english[key]).every(
        (piece) => piece.kind !== 'text' || source.includes(piece.text.trim()),
      ),
  );
  expect(stale).toEqual([]);
});
