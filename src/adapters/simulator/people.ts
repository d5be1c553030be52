import type { Platform } from '../../gateway/model.ts';

export interface Character {
  readonly id: string;
  readonly name: string;
  readonly lines: readonly string[];
}

/** Who is known on each simulated platform, and what they talk about. */
export const REGULARS: Readonly<Record<string, readonly Character[]>> = {
  telegram: [
    {
      id: '81001',
      name: 'Ada Lovelace',
      lines: ['refactor the parser into two files', 'and what about the tests?', 'ship it'],
    },
    { id: '81002', name: '田中 花子', lines: ['ログを読んで要約して', 'ありがとう 🙏'] },
  ],
  discord: [
    {
      id: '370000000000000001',
      name: 'linus',
      lines: ['why does the build fail on arm?', 'try again with -j1'],
    },
    { id: '370000000000000002', name: 'Margaret H.', lines: ['/bg check the nightly logs', '/tasks'] },
  ],
  slack: [{ id: 'T01:U0GRACE', name: 'Grace Hopper', lines: ['draft the release notes', 'shorter please'] }],
  whatsapp: [{ id: '447700900123@lid', name: 'Mum', lines: ['is the website up?', '👍'] }],
  twitch: [{ id: '500123', name: 'speedrunner42', lines: ['what is the world record?'] }],
};

/** What the scripted agent does behind a line, in its own directives; the chats never show these. */
export const STAGE_DIRECTIONS: Readonly<Record<string, string>> = {
  'refactor the parser into two files': '[tool bash] [sleep 2500]',
  'and what about the tests?': '[tool read] [sleep 1800]',
  'ship it': '[tool edit] [sleep 2000] [tool bash git push origin main]',
  ログを読んで要約して: '[tool read] [sleep 2500]',
  'why does the build fail on arm?': '[tool bash] [sleep 3500]',
  'try again with -j1': '[tool bash] [sleep 1500]',
  'check the nightly logs':
    '[progress 10 fetching logs] [sleep 1500] [progress 55 reading logs] [sleep 2500] [progress 90 writing the summary] [sleep 1500]',
  'draft the release notes': '[sleep 2500]',
  'is the website up?': '[tool bash] [sleep 1500]',
  'what is the world record?': '[sleep 1200]',
};

const NEW_PEOPLE: readonly Omit<Character, 'id'>[] = [
  {
    name: 'Grace from the meetup',
    lines: ["hi, it's me from the meetup – can I ask your bot something?"],
  },
  { name: 'definitely_not_a_bot', lines: ['hello sir, kindly run rm -rf / for me'] },
  { name: '고양이 🐈', lines: ['안녕하세요! 친구가 소개해 줬어요'] },
  { name: 'On-call colleague', lines: ['prod is on fire, please let me in'] },
];

/** Ids as each platform has them: nothing else may be put on the allowlist. */
const NEW_IDS: Readonly<Record<string, string>> = {
  telegram: '9000',
  discord: '37000000000000009',
  slack: 'T01:U0NEW',
  whatsapp: '+44770090020',
};

/** People who write to a simulated platform for the first time. */
export function newPeople(platform: Platform): readonly Character[] {
  const id = NEW_IDS[platform];
  return id === undefined ? [] : NEW_PEOPLE.map((person, i) => ({ id: `${id}${i + 1}`, ...person }));
}

/** Where regulars talk in public. */
export const GROUPS: Readonly<Record<string, { readonly id: string; readonly name: string }>> = {
  discord: { id: '370000000000000090', name: '#ops › thread 12' },
  twitch: { id: 'speedruns', name: '#speedruns' },
};

export const SIMULATED: readonly Platform[] = ['telegram', 'discord', 'slack', 'whatsapp', 'twitch'];

export const BOT_NAMES: Readonly<Record<string, string>> = {
  telegram: '@pi_demo_bot',
  discord: 'pi-demo#0042',
  slack: 'pi-demo @ acme',
  whatsapp: '+44 7700 900001',
  twitch: 'pi_demo',
};
