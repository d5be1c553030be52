import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fileLinks, takeOutgoingFiles } from '../../../src/gateway/send/outgoing-files.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { ADA, Rig } from '../rig.ts';
import { transcript } from './transcript.ts';

let base: string;
let cwd: string;
let data: string;
let session: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'outgoing-'));
  cwd = join(base, 'work');
  data = join(base, 'work', 'data');
  session = join(data, 'gateway', 'files', 's1');
  for (const folder of [cwd, session, join(cwd, 'sub'), join(data, 'gateway', 'files', 's2')])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(base, 'secret.txt'), 'outside');
  writeFileSync(join(cwd, 'chart.png'), 'chart');
  writeFileSync(join(cwd, 'sub', 'my report.pdf'), 'report');
  writeFileSync(join(cwd, '.env'), 'TOKEN=1');
  writeFileSync(join(data, 'gateway-security.db'), 'database');
  writeFileSync(join(session, 'photo.jpg'), 'photo');
  writeFileSync(join(data, 'gateway', 'files', 's2', 'theirs.jpg'), 'theirs');
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

const take = (markdown: string) =>
  takeOutgoingFiles(markdown, {
    cwd,
    dataFolder: data,
    sessionFolder: session,
    pending: false,
    words: String,
    whyKept: async () => undefined,
  });
const contents = async (markdown: string): Promise<string[]> =>
  (await take(markdown)).files.map(({ path }) => readFileSync(path, 'utf8'));

describe('a file leaves', () => {
  it.each([
    ['as an image', '![chart](chart.png)', 'chart'],
    ['as an image with a dot', '![chart](./chart.png)', 'chart'],
    ['as a link that says file:', '[the report](<file:sub/my report.pdf>)', 'report'],
    ['with an encoded name', '[the report](file:sub/my%20report.pdf)', 'report'],
    ['through a folder and back', '![chart](sub/../chart.png)', 'chart'],
  ])('%s', async (_how, markdown, content) => {
    expect(await contents(markdown)).toEqual([content]);
  });

  it('by its whole path, from the working folder and from the session’s own folder', async () => {
    expect(await contents(`![c](${cwd}/chart.png)`)).toEqual(['chart']);
    expect(await contents(`[c](file://${cwd}/chart.png)`)).toEqual(['chart']);
    expect(await contents(`[p](${session}/photo.jpg)`)).toEqual(['photo']);
  });

  it('through a symbolic link that stays inside', async () => {
    symlinkSync(join(cwd, 'chart.png'), join(cwd, 'latest.png'));
    expect(await contents('![c](latest.png)')).toEqual(['chart']);
  });

  it('as a copy, with its name and type, and its label in the text', async () => {
    const { text, files } = await take('Here it is:\n\n![The chart](chart.png)\n\nand [docs](README.md).');
    expect(text).toBe('Here it is:\n\nThe chart\n\nand [docs](README.md).');
    expect(files).toMatchObject([{ label: 'The chart', name: 'chart.png', mimeType: 'image/png' }]);
    expect(files[0]?.path.startsWith(join(session, 'sent'))).toBe(true);
    writeFileSync(join(cwd, 'chart.png'), 'changed');
    expect(readFileSync(files[0]?.path ?? '', 'utf8')).toBe('chart');
  });
});

describe('a file stays', () => {
  it.each([
    ['above the folder', '![s](../secret.txt)', 'outside'],
    ['above the folder, encoded', '![s](%2e%2e/secret.txt)', 'outside'],
    ['above the folder, the long way', '![s](sub/../../secret.txt)', 'outside'],
    ['somewhere else', '![s](/etc/passwd)', 'outside'],
    ['somewhere else, as a file', '[s](file:///etc/passwd)', 'outside'],
    ['that is hidden', '![s](.env)', 'hidden'],
    ['of our own data', '![s](data/gateway-security.db)', 'outside'],
    ['of another session', '![s](data/gateway/files/s2/theirs.jpg)', 'outside'],
    ['that does not exist', '![s](nothing.png)', 'no such file'],
    ['that is a folder', '![s](sub)', 'not a file'],
  ])('%s', async (_what, markdown, reason) => {
    const { files, refused, text } = await take(markdown);
    expect(files).toEqual([]);
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain(reason);
    expect(text).toMatch(/^s \(not sent: it |^s \(not sent: there /);
  });

  it('behind a symbolic link to the outside, of itself or of a folder on its way', async () => {
    symlinkSync(join(base, 'secret.txt'), join(cwd, 'innocent.png'));
    symlinkSync(base, join(cwd, 'up'));
    symlinkSync(join(base, 'secret.txt'), join(session, 'mine.jpg'));
    for (const path of ['innocent.png', 'up/secret.txt', join(session, 'mine.jpg')])
      expect((await take(`![s](${path})`)).refused, path).toHaveLength(1);
  });

  it('that is a pipe, without waiting for it', async () => {
    execFileSync('mkfifo', [join(cwd, 'pipe.png')]);
    expect((await take('![s](pipe.png)')).refused[0]).toContain('not a file');
  });

  it('that is too large, or one too many', async () => {
    writeFileSync(join(cwd, 'big.bin'), '');
    truncateSync(join(cwd, 'big.bin'), 20 * 1024 * 1024 + 1);
    expect((await take('![s](big.bin)')).refused[0]).toContain('larger than 20 MB');
    const { files, refused } = await take('![c](chart.png) '.repeat(12));
    expect(files).toHaveLength(10);
    expect(refused).toHaveLength(2);
  });
});

describe('what looks like a file link', () => {
  it.each([
    'a reference to source code: [lane](src/lane.ts)',
    'an address: ![logo](https://example.org/logo.png) [x](http://a/b.png)',
    'other schemes: [m](mailto:a@b.c) ![d](data:image/png;base64,AAAA) [j](javascript:alert)',
    'an anchor: [top](#top), a network path: ![x](//server/share.png)',
    '`![chart](chart.png)` and ``[x](file:chart.png)``',
    '```md\n![chart](chart.png)\n```',
    '~~~\n[x](file:chart.png)\n~~~',
    'a broken code: ![x](file:%zz)',
  ])('%s stays text', async (markdown) => {
    expect(await take(markdown)).toEqual({ text: markdown, files: [], refused: [] });
  });

  it('is found between code, and after a fence that was closed', () => {
    expect(fileLinks('`a` ![x](a.png) `b`').map(({ path }) => path)).toEqual(['a.png']);
    expect(fileLinks('```\n![x](a.png)\n```\n![y](b.png)').map(({ path }) => path)).toEqual(['b.png']);
    expect(fileLinks('````\n```\n![x](a.png)\n````\n![y](b.png)').map(({ path }) => path)).toEqual(['b.png']);
    expect(fileLinks('an unmatched ` and ![y](b.png)').map(({ path }) => path)).toEqual(['b.png']);
  });

  it('is looked for in reasonable time, whatever the text is', () => {
    const texts = ['![a]('.repeat(200_000), '`'.repeat(1_000_000), '[](('.repeat(250_000), '`a'.repeat(2400)];
    const ms = cpuMs(() => {
      for (const text of texts) fileLinks(text);
    });
    expect(ms).toBeLessThan(5000);
  });
});

describe('in a chat', () => {
  let rig: Rig;
  afterEach(async () => {
    await rig.stop();
    rig.remove();
    vi.useRealTimers();
  });

  const start = async (agent: object = {}, capabilities: object = {}): Promise<string> => {
    rig = await Rig.start({
      capabilities: { typing: false, ...capabilities },
      config: { security: { allowAll: true }, agent },
    });
    writeFileSync(join(rig.folder, 'chart.png'), 'chart');
    await rig.say('hello');
    await rig.pass(100);
    return String(rig.stores.sessions.all('SELECT id FROM sessions')[0]?.['id']);
  };
  /** pi's record of the session says that its tool has just written the chart. */
  const wrote = (id: string): void => {
    mkdirSync(join(rig.folder, 'gateway/agent-sessions'), { recursive: true });
    const at = statSync(join(rig.folder, 'chart.png')).ctimeMs;
    writeFileSync(
      join(rig.folder, 'gateway/agent-sessions', `${id}.jsonl`),
      transcript([{ name: 'write', args: { path: 'chart.png' }, from: at - 5, to: at + 5 }]),
    );
  };
  /** Waits until these follow one another in the chat. */
  const says = (...expected: string[]): Promise<void> =>
    vi.waitFor(async () => {
      await rig.pass(100);
      const said = rig.texts().slice(1).join('\n');
      let at = 0;
      for (const each of expected) {
        expect(said.slice(at)).toContain(each);
        at = said.indexOf(each, at) + each.length;
      }
    }, 15_000);
  const sent = (): string[] =>
    rig.world.shown().flatMap(({ request }) => request.part.attachment?.name ?? []);
  const ASKED = ['You said: the chart (pending approval)', 'May I send this?', 'chart.png\n5 bytes'];

  it('files follow the answer, and their copies go when they have arrived', async () => {
    wrote(await start());
    await rig.say('see ![the chart](chart.png) and ![this](/etc/passwd)');
    await says('You said: see the chart and this (not sent: it is outside of my directory)', 'the chart');
    const file = rig.world.shown().at(-1);
    expect(file?.request.part.attachment).toMatchObject({ name: 'chart.png', mimeType: 'image/png' });
    expect(rig.decisions()).toEqual(['message refused file_not_sent']);
    await vi.waitFor(() => expect(existsSync(dirname(file?.file ?? '/'))).toBe(false), 15_000);
  });

  it('nothing is taken out where no file can be sent', async () => {
    await start({}, { attachmentsOut: false });
    await rig.say('![the chart](chart.png)');
    await says('You said: ![the chart](chart.png)');
    expect(sent()).toEqual([]);
  });

  it('a file that the session did not write stays, and so does every file where sending is off', async () => {
    await start();
    await rig.say('![the chart](chart.png)');
    await says('You said: the chart (not sent: it was not written in this session)');
    expect(sent()).toEqual([]);
    await rig.stop();
    rig.remove();
    wrote(await start({ files: 'off' }));
    await rig.say('![the chart](chart.png)');
    await says('You said: the chart (not sent: sending files is turned off here)');
    expect(sent()).toEqual([]);
  });

  it('what its person sent goes back to them', async () => {
    const id = await start();
    const path = join(rig.folder, 'gateway/files', id, 'photo.jpg');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'photo');
    await rig.say(`![photo](${path})`);
    await says('You said: photo', 'photo');
    expect(sent()).toEqual(['photo.jpg']);
  });

  it.each([
    ['files "ask"', { files: 'ask' }],
    ['approvals', { approvals: 'dangerous' }],
    ['no tools', { tools: [] }],
  ])('with %s a file leaves once its requester has approved it', async (_name, agent) => {
    wrote(await start(agent));
    await rig.say('![the chart](chart.png)');
    await says(...ASKED);
    expect(sent()).toEqual([]);
    // What was shown is what is sent.
    writeFileSync(join(rig.folder, 'chart.png'), 'changed');
    await rig.say('/approve');
    await says(...ASKED, 'Approved by ada.');
    await vi.waitFor(async () => {
      await rig.pass(100);
      expect(sent()).toEqual(['chart.png']);
    }, 15_000);
  });

  it('a denial is one sentence, the copy goes, and the next message is answered meanwhile', async () => {
    const id = await start({ files: 'ask' });
    await rig.say('![the chart](chart.png)');
    await says(...ASKED);
    expect(sent()).toEqual([]);
    await rig.say('and now?');
    await rig.say('/deny');
    await says(...ASKED, 'Denied by ada.', 'You said: and now?');
    expect(sent()).toEqual([]);
    await vi.waitFor(
      () => expect(readdirSync(join(rig.folder, 'gateway/files', id, 'sent'))).toEqual([]),
      15_000,
    );
  });

  it('nothing is sent to whom the operator has blocked meanwhile', async () => {
    await start({ files: 'ask' });
    await rig.say('![the chart](chart.png)', { from: ADA });
    await says(...ASKED);
    expect(sent()).toEqual([]);
    expect(rig.gateway.dialogs.views()).toHaveLength(1);
    await rig.operator.run({ type: 'block', platform: 'telegram', userId: ADA });
    await vi.waitFor(async () => {
      await rig.pass(100);
      expect(rig.gateway.dialogs.views()).toEqual([]);
    }, 15_000);
  });
});
