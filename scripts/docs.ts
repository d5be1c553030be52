/**
 * Writes what the documentation takes from the code: tables of keys, commands, configuration and error codes, and the
 * pictures of the console. `--check` writes nothing and fails when a file is out of date.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TProperties, type TSchema, Type } from 'typebox';
import { type BenchResults, cellsOf } from '../bench/rows.ts';
import * as discord from '../src/adapters/discord/contents.ts';
import * as slack from '../src/adapters/slack/contents.ts';
import { DESCRIBED, GIVEN, UNREADABLE } from '../src/adapters/telegram/contents.ts';
import { GIVEN as TWITCH_KINDS } from '../src/adapters/twitch/receive.ts';
import * as whatsapp from '../src/adapters/whatsapp/content.ts';
import { commandsIn, GROUPS, helpText } from '../src/cli/help.ts';
import { WORDS } from '../src/extension/words.ts';
import { type ConfigKey, configKeys } from '../src/gateway/config/access.ts';
import { bodyOf, PlatformName } from '../src/gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../src/gateway/operator/operations/table.ts';
import { CHAT_COMMANDS, helpOf } from '../src/gateway/receive/commands/chat-commands.ts';
import { COUNTERS, GAUGES, HISTOGRAMS, SERVER_COUNTERS } from '../src/server/metric-tables.ts';
import { themeNamed } from '../src/tui/draw/theme.ts';
import { keyTable } from '../src/tui/keys/bindings.ts';
import type { SoakResult } from '../test/chaos/soak.ts';
import { NOW } from '../test/tui/fixtures.ts';
import { harness } from '../test/tui/harness.ts';
import { errorRows, rejectionRows } from './error-reference.ts';
import { play, said, scene } from './scene.ts';
import { svgOf } from './svg.ts';

process.env['TZ'] = 'UTC'; // the picture's log pane shows local times

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Markdown table; bars in cells are escaped. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function picture(columns: number, rows: number, keys = ''): string {
  const console = harness({ snapshot: scene() });
  if (keys !== '') console.press(keys);
  const lines = console.text(columns, rows).map((line) => line.trimEnd());
  console.store.stop();
  return `\`\`\`text\n${lines.join('\n')}\n\`\`\``;
}

/** The console with ten minutes of traffic behind it, in color. */
async function image(columns: number, rows: number, title: string, keys: string): Promise<string> {
  const console = harness({
    snapshot: scene(),
    theme: themeNamed('dark'),
    queries: { transcript: said() },
    startAt: NOW - 600_000,
  });
  play(console.operator, (ms) => console.timers.advance(ms));
  console.screen(columns, rows);
  if (keys !== '') console.press(keys);
  console.screen(columns, rows);
  await console.settle();
  const { lines } = console.screen(columns, rows);
  console.store.stop();
  return svgOf(lines, columns, title);
}

const IMAGES: Readonly<Record<string, () => Promise<string>>> = {
  'docs/media/console.svg': () =>
    image(
      120,
      30,
      'The console: adapters, sessions, tasks, a pairing request to approve with one key, and the log',
      '',
    ),
  'docs/media/console-wide.svg': () =>
    image(160, 40, 'On a wide terminal the transcript follows the selected session', '2'),
  'docs/media/pulse.svg': () =>
    image(120, 38, 'The pulse view: traffic, time to an answer and errors by platform', 'v'),
};

/** Keys that every platform has come once; a row whose default or meaning differs stays with its platform. */
function configuration(): string {
  const row = ({ key, fallback, description, choices, range }: ConfigKey): readonly string[] => [
    `\`${key}\``,
    fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``,
    [description, allowed(choices, range)].filter((text) => text !== '').join(' '),
  ];
  const parts = (key: string): readonly [platform: string, rest: string] | undefined => {
    const [, platform, rest] = /^platforms\.(\w+)\.(.+)$/.exec(key) ?? [];
    return platform === undefined || rest === undefined ? undefined : [platform, rest];
  };
  const platforms = new Set(configKeys().flatMap(({ key }) => parts(key)?.[0] ?? []));
  /** By what a row says of any platform: of how many it says so. */
  const said = new Map<string, number>();
  const anywhere = (each: ConfigKey): string => {
    const [platform, rest] = parts(each.key) ?? [];
    return platform === undefined ? '' : row({ ...each, key: `platforms.<platform>.${rest}` }).join('|');
  };
  for (const each of configKeys()) said.set(anywhere(each), (said.get(anywhere(each)) ?? 0) + 1);
  const shared = (each: ConfigKey): boolean =>
    parts(each.key) !== undefined && said.get(anywhere(each)) === platforms.size;
  const head = ['Key', 'Default', 'Meaning'];
  const general = configKeys().filter(({ key }) => parts(key) === undefined);
  const [first = ''] = platforms;
  const common = configKeys().filter((each) => shared(each) && parts(each.key)?.[0] === first);
  const own = configKeys().filter((each) => parts(each.key) !== undefined && !shared(each));
  return [
    '## General',
    table(head, general.map(row)),
    '## Every platform\n\nBelow `platforms.discord`, `platforms.slack`, `platforms.telegram`, `platforms.twitch`, `platforms.websocket` and\n`platforms.whatsapp`:',
    table(
      head,
      common.map((each) => row({ ...each, key: parts(each.key)?.[1] ?? '' })),
    ),
    '## One platform',
    table(head, own.map(row)),
  ].join('\n\n');
}

/** What a key may be set to, where the schema limits it. */
function allowed(choices: ConfigKey['choices'], range: ConfigKey['range']): string {
  if (choices !== undefined) return `One of ${choices.map((choice) => `\`${choice}\``).join(', ')}.`;
  if (range === undefined) return '';
  const { minimum, maximum } = range;
  if (minimum === undefined) return `At most ${maximum?.toLocaleString('en')}.`;
  return maximum === undefined || maximum >= 2 ** 31 - 1
    ? `At least ${minimum.toLocaleString('en')}.`
    : `From ${minimum.toLocaleString('en')} to ${maximum.toLocaleString('en')}.`;
}

/** What the bundled packages do here. A test of the package compares the names with its software bill. */
const USES: Readonly<Record<string, string>> = {
  ink: 'draws the console',
  '@alcalzone/ink-table': 'draws tables in it',
  react: 'holds the parts of the console together',
  'string-width': 'measures text in cells',
  telegraf: 'connects Telegram',
  'discord.js': 'connects Discord',
  '@slack/bolt': 'connects Slack',
  'tmi.js': 'connects Twitch',
  ws: 'serves and opens WebSockets',
  hono: 'routes HTTP requests',
  undici: 'sends HTTP requests, through proxies too',
  'sql.js': 'holds the data where Node has no SQLite, and large databases',
  typebox: 'checks configuration, commands and frames',
  conf: 'writes the configuration file',
  'markdown-it': "reads the agent's Markdown",
  meow: 'prints the help',
  croner: 'calculates the times of schedules',
  pino: 'writes the log',
  'prom-client': 'keeps the figures of `/metrics`',
  uqr: 'draws QR codes',
};

function builtWith(): string {
  const rows = Object.entries(USES).map(([name, use]) => {
    // ink-table is installed under its old name.
    const folder = name === '@alcalzone/ink-table' ? 'ink-table' : name;
    const { license, version } = JSON.parse(
      readFileSync(join(root, 'node_modules', folder, 'package.json'), 'utf8'),
    ) as { readonly license: string; readonly version: string };
    return [`[${name}](https://www.npmjs.com/package/${name})`, version.split('.')[0] ?? '', use, license];
  });
  return table(['Package', 'Major version', 'What it does here', 'License'], rows);
}

/** What `npm run bench` wrote last. Nothing is measured here. */
function benchmarks(): string {
  const results = JSON.parse(readFileSync(join(root, 'bench/results.json'), 'utf8')) as BenchResults;
  const { at, mode, node, cores, load, programs } = results;
  const rows = programs.flatMap(({ name, rows: all }) =>
    all.map((row) => cellsOf(`\`bench/${name}.ts\``, row)),
  );
  const skipped = programs.flatMap(({ name, skipped: why }) =>
    why === undefined ? [] : `- \`bench/${name}.ts\`: ${why}`,
  );
  const shared =
    load[0] >= cores ? ' Other programs ran at the same time: the ratios say more than the figures.' : '';
  return [
    `Measured ${at} (${mode} runs), Node ${node.slice(1)}, ${cores} cores, load average ${load[0]} before and ${load[1]} after.${shared}`,
    table(['Program', 'What', 'Measured', 'Alternative in the same run', 'Ratio', 'Goal'], rows),
    ...(skipped.length === 0 ? [] : [`Not measured:\n\n${skipped.join('\n')}`]),
  ].join('\n\n');
}

/** What `npm run soak -- --write` wrote last. */
function soak(): string {
  const file = join(root, 'bench/soak.json');
  if (!existsSync(file)) return 'No figures yet.';
  const result = JSON.parse(readFileSync(file, 'utf8')) as SoakResult;
  const { minutes, messages, faults, missing, undeliverable, doubled, marked } = result;
  const { rssMb, heldMb, slope, descriptors, delayMs } = result;
  const mb = (value: number): string => value.toFixed(1);
  return table(
    ['What', `Over ${minutes} minute${minutes === 1 ? '' : 's'}`],
    [
      ['Messages, faults', `${messages.toLocaleString('en-US')}, ${faults.toLocaleString('en-US')}`],
      ['Without an answer', String(missing)],
      ['Written to Twitch while nobody was connected', String(undeliverable)],
      ['Answered twice, with a mark / without', `${marked} / ${doubled}`],
      ['Resident memory: begin, end, most', `${rssMb.first}, ${rssMb.last}, ${rssMb.most} MB`],
      ['Held after a full collection: after a fifth of the time, end', `${heldMb.first}, ${heldMb.last} MB`],
      [
        'Slope of the memory, with 95 % confidence',
        `${mb(slope.mbPerHour)} MB an hour (${mb(slope.from)} to ${mb(slope.to)})`,
      ],
      ['Descriptors: begin, end, most', `${descriptors.first}, ${descriptors.last}, ${descriptors.most}`],
      ['Event-loop delay: p99, worst', `${delayMs.p99Median} ms, ${delayMs.worst} ms`],
    ],
  );
}

const GENERATED: Readonly<Record<string, () => string>> = {
  benchmarks,
  soak,
  'built-with': builtWith,
  'picture-small': () => picture(72, 22, '4'),
  'picture-help': () => picture(100, 34, '?'),
  keys: () =>
    table(
      ['Where', 'Key', 'Does'],
      keyTable().map((row) => [
        row.scope,
        row.keys
          .split(' ')
          .map((key) => `\`${key}\``)
          .join(' '),
        row.help,
      ]),
    ),
  'chat-commands': () =>
    table(
      ['Command', 'Does', 'While the agent works', 'Who'],
      CHAT_COMMANDS.map((row) => [
        `\`/${row.name}${row.args === undefined ? '' : ` ${row.args}`}\`${(row.aliases ?? []).map((alias) => ` \`/${alias}\``).join('')}`,
        helpOf(row.name).in('en'),
        row.idleOnly ? 'when it is idle' : 'at once',
        row.who === 'everyone' ? 'everyone who may write' : 'people on the allowlist',
      ]),
    ),
  'cli-commands': () =>
    Object.entries(GROUPS)
      .map(([group, title]) => {
        const rows = commandsIn(group).map((row) => [
          `\`pi-gateway-tui ${`${row.name} ${row.args}`.trim()}\``,
          row.help,
          `\`${row.example}\``,
        ]);
        return `### ${title}\n\n${table(['Command', 'Does', 'Example'], rows)}`;
      })
      .join('\n\n'),
  'cli-flags': () =>
    table(
      ['Flag', 'Meaning'],
      [...helpText().matchAll(/^ {2}(-{1,2}\S.*?):? {2,}(\S.*)$/gm)].map(([, flag = '', meaning = '']) => [
        `\`${flag}\``,
        meaning,
      ]),
    ),
  'gateway-words': () =>
    table(
      ['Word', 'Does'],
      WORDS.map(({ word, args, help }) => [`\`${`${word} ${args}`.trim()}\``, help]),
    ),
  operations: () =>
    table(
      ['Route', 'Body', 'Does'],
      OPERATIONS.flatMap((row) => {
        if (row.http === undefined) return [];
        const { what } = bodyOf(row);
        return [[`\`${row.http}\``, what === '{}' ? '' : `\`${what}\``, row.help]];
      }),
    ),
  configuration,
  metrics: () =>
    table(
      ['Metric', 'Type', 'Labels', 'Meaning'],
      [
        ...Object.values(HISTOGRAMS).map(([name, help, label]) => [name, 'histogram', label, help]),
        ...GAUGES.map(({ name, help, labels }) => [name, 'gauge', labels.join(', '), help]),
        ...Object.values(COUNTERS).map(([name, help, labels]) => [name, 'counter', labels.join(', '), help]),
        ...Object.values(SERVER_COUNTERS).map(([name, help]) => [name, 'counter', '', help]),
      ].map(([name, ...rest]) => [`\`pi_gateway_${name}\``, ...rest]),
    ),
  'discord-kinds': () => kinds(discord.GIVEN, discord.UNREADABLE),
  errors: () => table(['Code', 'Message or cause', 'What to do'], errorRows(root)),
  rejections: () => table(['Code', 'Reason', 'What to do'], rejectionRows(root)),
  'slack-kinds': () => kinds(slack.GIVEN, slack.UNREADABLE),
  'telegram-kinds': () => kinds({ ...GIVEN, ...DESCRIBED }, UNREADABLE),
  'twitch-kinds': () =>
    table(
      ['Kind', 'What the agent gets'],
      Object.entries(TWITCH_KINDS).map(([kind, what]) => [kind, what]),
    ),
  'whatsapp-kinds': () => kinds({ ...whatsapp.GIVEN, ...whatsapp.DESCRIBED }, whatsapp.UNREADABLE),
};

/** What the agent gets of each kind of message on a platform; what cannot be read is answered with a sentence. */
function kinds(read: Readonly<Record<string, string>>, unreadable: Readonly<Record<string, string>>): string {
  return table(
    ['Kind', 'What the agent gets'],
    [
      ...Object.entries(read).map(([kind, what]) => [`\`${kind}\``, what]),
      ...Object.entries(unreadable).map(([kind, name]) => [
        `\`${kind}\``,
        `nothing: the sender reads that the bot cannot read ${name}`,
      ]),
    ],
  );
}

/** The commands as plain types, for programs: they have no schema library. */
function commandTypes(): string {
  const file = 'src/gateway/operator/commands.ts';
  const rows = OPERATIONS.map(
    ({ name, help, params }) => `  /** ${help} */\n  | { readonly type: '${name}'; ${keysText(params)} }`,
  );
  const text = `/** Made of the rows in \`operations/\` by \`npm run docs\`. */\nimport type { Platform } from '../model.ts';\n\nexport type OperatorCommand =\n${rows.join('\n')};\n`;
  const biome = join(root, 'node_modules/.bin/biome');
  return execFileSync(biome, ['format', `--stdin-file-path=${file}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
}

function keysText(properties: TProperties): string {
  return Object.entries(properties)
    .map(([key, schema]) => `readonly ${key}${Type.IsOptional(schema) ? '?' : ''}: ${typeText(schema)};`)
    .join(' ');
}

function typeText(schema: TSchema): string {
  if (JSON.stringify(schema) === JSON.stringify(PlatformName)) return 'Platform';
  if (Type.IsUnion(schema)) return schema.anyOf.map(typeText).join(' | ');
  if (Type.IsLiteral(schema))
    return typeof schema.const === 'string' ? `'${schema.const}'` : String(schema.const);
  if (Type.IsArray(schema)) return `readonly (${typeText(schema.items)})[]`;
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return 'number';
  if (Type.IsBoolean(schema)) return 'boolean';
  if (Type.IsString(schema)) return 'string';
  if (Type.IsRecord(schema)) return 'Readonly<Record<string, unknown>>';
  if (Type.IsObject(schema)) return `{ ${keysText(schema.properties)} }`;
  if (Type.IsUnknown(schema)) return 'unknown';
  throw new Error(`commands.ts: no type is known for ${JSON.stringify(schema)}`);
}

const FILES = [
  'README.md',
  ...['docs', 'docs/adapters'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];
const check = process.argv.includes('--check');
let stale = 0;
for (const file of FILES) {
  const before = readFileSync(join(root, file), 'utf8');
  const after = before.replace(
    /(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_whole: string, open: string, name: string, close: string) => {
      const make = GENERATED[name];
      if (make === undefined) throw new Error(`${file}: nothing generates "${name}"`);
      return `${open}${make()}\n${close}`;
    },
  );
  if (after === before) continue;
  stale += 1;
  process.stdout.write(`${file} ${check ? 'is out of date: run npm run docs' : 'updated'}\n`);
  if (!check) writeFileSync(join(root, file), after);
}
for (const [file, make] of Object.entries(IMAGES)) {
  const path = join(root, file);
  const after = await make();
  if (existsSync(path) && readFileSync(path, 'utf8') === after) continue;
  stale += 1;
  process.stdout.write(`${file} ${check ? 'is out of date: run npm run docs' : 'updated'}\n`);
  if (!check) writeFileSync(path, after);
}
const commands = join(root, 'src/gateway/operator/commands.ts');
const types = commandTypes();
if (readFileSync(commands, 'utf8') !== types) {
  stale += 1;
  process.stdout.write(`commands.ts ${check ? 'is out of date: run npm run docs' : 'updated'}\n`);
  if (!check) writeFileSync(commands, types);
}
if (check && stale > 0) process.exitCode = 1;
