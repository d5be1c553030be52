import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { DEMO_SCENE } from '../../scripts/demo-scene.ts';
import { ROOT } from '../support/gateway-process.ts';
import { PAGES, read } from './snippets.ts';

it('keeps every generated table and picture of the documentation up to date', { timeout: 120_000 }, () => {
  const run = spawnSync(process.execPath, [join(ROOT, 'scripts/docs.ts'), '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(run.stdout + run.stderr).toBe('');
});

const DOCS = PAGES.filter((page) => page.startsWith('docs/'));

it('names every page in the index', () => {
  const linked = new Set(
    [...read('docs/README.md').matchAll(/\]\(([^)#]+)/g)].map((match) => `docs/${match[1]}`),
  );
  expect(DOCS.filter((page) => page !== 'docs/README.md' && !linked.has(page))).toEqual([]);
});

/** What a reader may want: the first word of every page. Decisions tell why, and begin as they like. */
const WISHES =
  /^(Approve|Attach|Change|Chat|Control|Find|Get|Keep|Let|Look|Measure|Migrate|Open|Operate|Run|See|Send|Set|Show|Stop|Talk|Translate|Understand|Watch|Back|Choose|Make) /;

it('begins every page with its title and with what the reader can do there', () => {
  const wrong = DOCS.filter((page) => !page.startsWith('docs/decisions/')).filter((page) => {
    const [title = '', blank, first = ''] = read(page).split('\n');
    return !/^# \S/.test(title) || blank !== '' || !WISHES.test(first);
  });
  expect(wrong).toEqual([]);
});

it('lists every error code that a test expects anywhere, with no source text in the tables', () => {
  const errors = read('docs/errors.md');
  const listed = new Set([...errors.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]));
  /** Reasons of decisions, which are no errors, and a code that a test makes up. */
  const others = new Set(['no_tool', 'no_answer']);
  const expected = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [...read(`test/${name}`).matchAll(/code: '([a-z]+(?:_[a-z]+)+)'/g)])
    .map((match) => match[1] ?? '');
  expect(expected.length).toBeGreaterThan(50);
  expect([...new Set(expected)].filter((code) => !listed.has(code) && !others.has(code))).toEqual([]);
  expect(errors).not.toMatch(/\$\{|undefined|=>|\?\?/);
});

const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

it('links only to files that exist', () => {
  const broken = PAGES.flatMap((page) =>
    [...withoutCode(read(page)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

it('shows a newcomer two commands first, then why, and every other section in this order', () => {
  const readme = read('README.md');
  expect([...readme.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
    'Two commands from a clone',
    'Why',
    'How it compares',
    'Quick start',
    'Daily use',
    'Keys',
    'Configuration',
    'Security',
    'Troubleshooting',
    'Documentation',
    'Built with',
  ]);
  expect(readme.split('\n').slice(0, 10).join('\n')).toContain('npx pi-gateway-tui');
  const commands = /## Two commands from a clone[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(commands).toMatch(/^npm install && npm start -- --demo/m);
  expect(commands).toMatch(/^npm install && npm test/m);
});

it('shows an animation of a real run, made by the script of its scene', () => {
  const svg = read('docs/media/demo.svg');
  expect(svg.length).toBeLessThan(300_000);
  const captions = [...svg.matchAll(/text-anchor="middle" fill="[^"]*">([^<]*)</g)].map(([, text]) => text);
  expect(captions).toEqual(DEMO_SCENE.map(({ caption }) => caption));
  const drawn = [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text]) => text).join(' ');
  for (const { shows } of DEMO_SCENE) for (const word of shows.split(' ')) expect(drawn).toContain(word);
  expect(svg.match(/<animate /g)?.length).toBeGreaterThan(50);
  expect(read('README.md')).toContain('(docs/media/demo.svg)');
});

/** Hosts of the documentation and the manifest that exist; everything else is an example and looks like one. */
const HOSTS = new Set([
  ...[
    'pi.dev',
    't.me',
    'ntfy.sh',
    'gotify.net',
    'healthchecks.io',
    'hc-ping.com',
    'github.com',
    'www.npmjs.com',
  ],
  ...['discord.com', 'slack.com', 'api.slack.com', 'api.telegram.org', 'core.telegram.org'],
  ...['id.twitch.tv', 'dev.twitch.tv', 'www.apple.com', 'docs.openclaw.ai', 'hermes-agent.nousresearch.com'],
]);
const EXAMPLES = /^(localhost|127\.0\.0\.1|host|<.*|…|.*\.(example|internal)|(.*\.)?example\.(com|org))$/;

it('names no address that was made up', () => {
  const found = [...PAGES, 'CHANGELOG.md', 'package.json'].flatMap((page) =>
    [...read(page).matchAll(/\bhttps?:\/\/(?:[^\s/@)"'`]*@)?([^\s/:)"'`>,;]+)/g)].map(
      ([, host = '']) => `${page}: ${host.replace(/\.$/, '')}`,
    ),
  );
  const unknown = found.filter((each) => {
    const host = each.slice(each.indexOf(': ') + 2);
    return !HOSTS.has(host) && !EXAMPLES.test(host);
  });
  expect([...new Set(unknown)]).toEqual([]);
});

/** What a reader wants to know, the heading under which they look, and words of the answer. */
const QUESTIONS: readonly (readonly [question: string, page: string, heading: string, answer: RegExp])[] = [
  [
    'How do I let a new user in?',
    'docs/quick-start.md',
    '4. Approve yourself',
    /press `4` and `a`.*pair KQ7M-2XPD/s,
  ],
  [
    'How do I take access away?',
    'docs/pairing.md',
    'Revoke, block and unblock',
    /revoke telegram.*running turn/s,
  ],
  [
    'Where is the operator token?',
    'docs/attach.md',
    'The operator token (`PI_GATEWAY_TOKEN`)',
    /gateway\/operator\.token/,
  ],
  [
    'How do I open the console from my laptop?',
    'docs/attach.md',
    'From another machine',
    /ssh -N -L.*attach http/s,
  ],
  ['How does the agent send me a file?', 'docs/files.md', 'Get a file from the agent', /10 files.*20 MB/s],
  ['Why was a file not sent?', 'docs/files.md', 'When a file is not sent', /agent\.files/],
  ['What happens to a turn after a crash?', 'docs/agents.md', 'After a crash or a restart', /Continue/],
  ['What does an exit code mean?', 'docs/errors.md', 'Exit codes', /75.*data directory.*78/s],
  [
    'How do I make the agent ask first?',
    'docs/approvals.md',
    'Turn approvals on',
    /"approvals": "dangerous"/,
  ],
  [
    'What is different from @0xkobold/pi-gateway?',
    'docs/coming-from-pi-gateway.md',
    'What is different',
    /allowAll.*false/s,
  ],
  ['How do I stop it from spending too much?', 'docs/limits.md', 'Set a limit', /"per": "day".*"usd"/s],
  ['How do I get a message on my phone?', 'docs/notices.md', 'Get a message on your phone', /ntfy/],
];

it.each(QUESTIONS)('answers from its headings: %s', (_question, page, heading, answer) => {
  const sections = read(page).split(/^(?=##+ )/m);
  const found = sections.find((section) => section.split('\n')[0]?.replace(/^#+ /, '') === heading);
  expect(found, `${page} has no heading "${heading}"`).toMatch(answer);
  expect(read('docs/README.md')).toContain(`(${page.slice('docs/'.length)}`);
});

it('has workflows that run only scripts of the package', () => {
  const { scripts } = JSON.parse(read('package.json')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const run = readdirSync(join(ROOT, '.github/workflows')).flatMap((file) =>
    [...read(`.github/workflows/${file}`).matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name),
  );
  expect(run).toEqual(expect.arrayContaining(['check', 'check:package', 'check:reproducible']));
  expect(run.filter((name) => !(name in scripts))).toEqual([]);
});
