/**
 * Events as Slack sends them (https://docs.slack.dev/reference/events/message, …/block-kit/blocks/rich-text-block,
 * …/objects/file-object), and what the model gets of each in a direct message.
 */
import { BOT, SlackServer, TEAM } from '../platforms/slack-server.ts';
import type { Json } from '../platforms/slack-state.ts';

export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
  'base64',
);
export const BINARY = Buffer.from([0, 1, 2, 3]);
export const server = new SlackServer();
server.channels.set('C0OPS', 'ops');
server.channels.set('G0MPD', 'mpdm-ada--bob--pibot-1');
export const MENTION = `<@${BOT.user}>`;

export interface Row {
  readonly what: string;
  readonly fields: () => Json;
  readonly text: string;
  readonly images?: number;
}

const row = (what: string, fields: Json | (() => Json), text: string, images = 0): Row => ({
  what,
  fields: typeof fields === 'function' ? fields : () => fields,
  text,
  images,
});

export const DM = (more = ''): string => `⟦Slack direct message, <time>${more}⟧`;
const attached = (name: string): string =>
  `⟦attached file "${name}" was saved to <dir>/${name.replace(/ /g, '_')}⟧`;
export const rich = (...elements: Json[]): Json => ({ type: 'rich_text', block_id: 'b1', elements });
export const section = (...elements: Json[]): Json => ({ type: 'rich_text_section', elements });
export const word = (text: string, style?: Json): Json => ({
  type: 'text',
  text,
  ...(style === undefined ? {} : { style }),
});

export const WRITTEN: readonly Row[] = [
  row('a text', { text: 'hello', client_msg_id: 'c1' }, `${DM()}\nhello`),
  row('several lines', { text: 'one\n\ntwo' }, `${DM()}\none\n\ntwo`),
  row('escaped characters', { text: 'a &lt;b&gt; &amp;&amp; c' }, `${DM()}\na <b> && c`),
  row(
    'a link behind words',
    { text: 'see <https://example.org/x?a=1&amp;b=2|the docs>' },
    `${DM()}\nsee [the docs](https://example.org/x?a=1&b=2)`,
  ),
  row(
    'a bare link and an address',
    { text: '<https://example.org> <mailto:bob@example.org|bob@example.org>' },
    `${DM()}\nhttps://example.org bob@example.org`,
  ),
  row(
    'people, channels, groups and everybody',
    { text: '<@U0BOB> in <#C0OPS> and <#C1|sales>, <!subteam^S1|@oncall> <!here>' },
    `${DM()}\n@Bob in #ops and #sales, @oncall @here`,
  ),
  row(
    'a date',
    { text: 'at <!date^1392734382^{date_short}|Feb 18, 2014>, <!date^1392734382^{date}>' },
    `${DM()}\nat Feb 18, 2014, 2014-02-18T14:39:42.000Z`,
  ),
  row('the bot’s own mention at the start', { text: `${MENTION} hi` }, `${DM()}\nhi`),
  row('the bot’s own mention in the middle', { text: `ask ${MENTION} for it` }, `${DM()}\nask @pibot for it`),
  row('a text of a kind that is new', { subtype: 'sung_message', text: 'la la' }, `${DM()}\nla la`),
  row('an action', { subtype: 'me_message', text: 'waves' }, `${DM()}\nwaves`),
  row(
    'a text that blocks say again',
    {
      text: 'deploy *now*, see <https://a.example|it>',
      blocks: [
        rich(
          section(word('deploy '), word('now', { bold: true }), word(', see '), {
            type: 'link',
            url: 'https://a.example',
            text: 'it',
          }),
        ),
      ],
    },
    `${DM()}\ndeploy *now*, see [it](https://a.example)`,
  ),
  row(
    'a text with emoji that blocks say again',
    {
      text: 'nice :wave: :+1::skin-tone-3:',
      blocks: [
        rich(
          section(word('nice '), { type: 'emoji', name: 'wave', unicode: '1f44b' }, word(' '), {
            type: 'emoji',
            name: '+1',
            unicode: '1f44d-1f3fc',
            skin_tone: 3,
          }),
        ),
      ],
    },
    `${DM()}\nnice :wave: :+1::skin-tone-3:`,
  ),
];

export const BLOCKS: readonly Row[] = [
  row(
    'text that stands only in blocks',
    { text: '', blocks: [rich(section(word('only '), word('here', { italic: true })))] },
    `${DM()}\nonly _here_`,
  ),
  row(
    'links, people and dates in blocks',
    {
      text: '',
      blocks: [
        rich(
          section(
            { type: 'user', user_id: 'U0BOB' },
            word(' of '),
            { type: 'channel', channel_id: 'C0OPS' },
            word(' reads '),
            { type: 'link', url: 'https://example.org/a&b', text: 'the docs' },
            word(' with '),
            { type: 'usergroup', usergroup_id: 'S0ONCALL' },
            word(' '),
            { type: 'broadcast', range: 'channel' },
            word(' on '),
            { type: 'date', timestamp: 1392734382, format: '{date_short}', fallback: 'Feb 18' },
          ),
        ),
      ],
    },
    `${DM()}\n@Bob of #ops reads [the docs](https://example.org/a&b) with @S0ONCALL @channel on Feb 18`,
  ),
  row(
    'lists within lists',
    {
      text: '',
      blocks: [
        rich(
          section(word('Steps:\n')),
          {
            type: 'rich_text_list',
            style: 'ordered',
            indent: 0,
            elements: [section(word('build')), section(word('test'))],
          },
          { type: 'rich_text_list', style: 'bullet', indent: 1, elements: [section(word('unit'))] },
          {
            type: 'rich_text_list',
            style: 'ordered',
            indent: 0,
            offset: 2,
            elements: [section(word('ship'))],
          },
        ),
      ],
    },
    `${DM()}\nSteps:\n1. build\n2. test\n  - unit\n3. ship`,
  ),
  row(
    'a quote and code',
    {
      text: '',
      blocks: [
        rich(
          { type: 'rich_text_quote', elements: [word('first\nsecond')] },
          { type: 'rich_text_preformatted', elements: [word('if (a < b) {}')] },
          section(word('run '), word('npm ci', { code: true })),
        ),
      ],
    },
    `${DM()}\n> first\n> second\n\`\`\`\nif (a < b) {}\n\`\`\`\nrun \`npm ci\``,
  ),
  row(
    'a text that only sums its blocks up',
    {
      text: 'New alert',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: 'New alert' } },
        {
          type: 'section',
          text: { type: 'mrkdwn', text: 'CPU of <https://db.example|db-1>' },
          fields: [{ type: 'mrkdwn', text: '*Load*\n97 %' }],
        },
        { type: 'divider' },
        {
          type: 'context',
          elements: [
            { type: 'image', image_url: 'https://i.example/a.png', alt_text: 'a' },
            { type: 'mrkdwn', text: 'since <!date^1392734382^{time}|14:39>' },
          ],
        },
      ],
    },
    `${DM()}\nNew alert\nCPU of [db-1](https://db.example)\n*Load*\n97 %\nsince 14:39`,
  ),
  row(
    'a table',
    {
      text: '',
      blocks: [
        {
          type: 'table',
          rows: [
            [
              { type: 'raw_text', text: 'Name' },
              { type: 'raw_text', text: 'Age' },
            ],
            [
              { type: 'rich_text', elements: [section(word('Ada', { bold: true }))] },
              { type: 'raw_text', text: '36' },
            ],
          ],
        },
      ],
    },
    `${DM()}\nName | Age\n*Ada* | 36`,
  ),
  row(
    'buttons and a picture',
    {
      text: 'Lunch?',
      blocks: [
        { type: 'section', text: { type: 'plain_text', text: 'Lunch?' } },
        {
          type: 'actions',
          elements: [
            { type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'Soup' } },
            {
              type: 'button',
              action_id: 'b',
              url: 'https://menu.example',
              text: { type: 'plain_text', text: 'Menu' },
            },
          ],
        },
        { type: 'image', image_url: 'https://i.example/soup.png', alt_text: 'soup' },
      ],
    },
    `${DM()}\nLunch?\n- Soup\n- [Menu](https://menu.example)\n[soup](https://i.example/soup.png)`,
  ),
  row(
    'Markdown',
    { text: '', blocks: [{ type: 'markdown', text: '**bold** & <b>' }] },
    `${DM()}\n**bold** & <b>`,
  ),
  row(
    'a poll of a kind of block that is new',
    {
      text: '',
      blocks: [
        {
          type: 'poll',
          question: { type: 'plain_text', text: 'Lunch?' },
          options: [
            { text: { type: 'plain_text', text: 'Soup' } },
            { text: { type: 'mrkdwn', text: '*Salad*' } },
          ],
        },
      ],
    },
    `${DM()}\nLunch?\nSoup\n*Salad*`,
  ),
  row(
    'a kind of block that is new',
    {
      text: '',
      blocks: [
        {
          type: 'hologram',
          title: { type: 'plain_text', text: 'Seen' },
          parts: [{ type: 'facet', text: { type: 'mrkdwn', text: 'in <#C0OPS>' } }],
        },
      ],
    },
    `${DM()}\nSeen\nin #ops`,
  ),
];

export const CARDS: readonly Row[] = [
  row(
    'a card of an app',
    {
      text: '',
      attachments: [
        {
          id: 1,
          fallback: 'Build 7: red',
          pretext: 'CI says',
          author_name: 'Jenkins',
          title: 'Build 7',
          title_link: 'https://ci.example/7',
          text: 'It is *red* &amp; broken',
          fields: [
            { title: 'Branch', value: 'main', short: true },
            { title: 'Took', value: '3 min' },
          ],
        },
      ],
    },
    `${DM()}\nCI says\nJenkins\n[Build 7](https://ci.example/7)\nIt is *red* & broken\nBranch: main\nTook: 3 min`,
  ),
  row(
    'a card with nothing but a fallback',
    { text: '', attachments: [{ fallback: 'nothing else &lt;here&gt;' }] },
    `${DM()}\nnothing else <here>`,
  ),
  row(
    'the preview of a link',
    {
      text: 'look <https://blog.example/p>',
      attachments: [
        {
          from_url: 'https://blog.example/p',
          original_url: 'https://blog.example/p',
          service_name: 'Blog',
          title: 'A post',
          title_link: 'https://blog.example/p',
          text: 'About ships',
          fallback: 'Blog: A post',
        },
      ],
    },
    `${DM()}\nlook https://blog.example/p\n[A post](https://blog.example/p)\nAbout ships`,
  ),
  row(
    'a card with a picture',
    {
      text: '',
      attachments: [
        { title: 'Cats', text: 'Two of them', image_url: 'https://i.example/c.gif', fallback: 'Cats' },
      ],
    },
    `${DM()}\nCats\nTwo of them\n[image](https://i.example/c.gif)`,
  ),
  row(
    'a card that is only a picture',
    { text: '', attachments: [{ title: 'cats', image_url: 'https://i.example/c.gif', fallback: 'cats' }] },
    `${DM()}\ncats\n[image](https://i.example/c.gif)`,
  ),
  row(
    'a card that repeats the text',
    { text: 'Build 7 is red', attachments: [{ text: 'Build 7 is red', fallback: 'Build 7 is red' }] },
    `${DM()}\nBuild 7 is red`,
  ),
  row(
    'a card of blocks',
    {
      text: '',
      attachments: [
        {
          blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'from *blocks*' } }],
          fallback: '[no preview available]',
        },
      ],
    },
    `${DM()}\nfrom *blocks*`,
  ),
];

export const share = (more: Json = {}): Json => ({
  id: 1,
  ts: '1392734382.000200',
  channel_id: 'C0OPS',
  channel_team: TEAM,
  is_msg_unfurl: true,
  is_share: true,
  from_url: 'https://test.slack.com/archives/C0OPS/p1392734382000200',
  author_id: 'U0BOB',
  author_name: 'Bob',
  author_subname: 'Bob',
  fallback: '[February 18th, 2014 6:39 AM] bob: the <https://db.example|database> is slow',
  text: 'the <https://db.example|database> is slow',
  mrkdwn_in: ['text'],
  footer: 'Posted in #ops',
  message_blocks: [
    {
      team: TEAM,
      channel: 'C0OPS',
      ts: '1392734382.000200',
      message: {
        blocks: [
          rich(
            section(
              word('the '),
              { type: 'link', url: 'https://db.example', text: 'database' },
              word(' is slow'),
            ),
          ),
        ],
      },
    },
  ],
  ...more,
});
const ORIGIN = ', forwarded from "Bob in #ops"';
export const SLOW = 'the [database](https://db.example) is slow';
const forwarding = (origin: string, quoted: string, text: string): string =>
  `${DM(`, forwarded from ${origin}`)}\n⟦it forwards a message by ${origin}⟧\n${quoted}\n⟦message⟧\n${text}`;

export const SHARED: readonly Row[] = [
  row('a forward', { text: '', attachments: [share()] }, `${DM(ORIGIN)}\n${SLOW}`),
  row(
    'a forward with a comment',
    { text: 'why?', attachments: [share()] },
    forwarding('"Bob in #ops"', `> ${SLOW}`, 'why?'),
  ),
  row(
    'a forward that has its text only in blocks',
    { text: '', attachments: [share({ text: '', fallback: '[no preview]' })] },
    `${DM(ORIGIN)}\n${SLOW}`,
  ),
  row(
    'a forward with a file',
    () => ({
      text: '',
      attachments: [share({ files: [server.upload('notes.txt', 'text/plain', Buffer.from('the notes'))] })],
    }),
    `${DM(ORIGIN)}\n${SLOW}\n\n⟦attached file "notes.txt"⟧\n\`\`\`\nthe notes\n\`\`\``,
  ),
  row(
    'a forward of only a picture, with a comment',
    () => ({
      text: 'this one',
      attachments: [
        share({
          text: '',
          fallback: 'a picture',
          message_blocks: [],
          files: [server.upload('a.png', 'image/png', PNG)],
        }),
      ],
    }),
    `${DM(ORIGIN)}\nthis one\n\n⟦forwarded file "a.png" is image 1⟧`,
    1,
  ),
  row(
    'a forward out of a direct conversation',
    { text: '', attachments: [share({ channel_id: 'D0BOB', footer: 'Direct message' })] },
    `${DM(', forwarded from "Bob"')}\n${SLOW}`,
  ),
  row(
    'a forward of the bot’s own words',
    { text: '', attachments: [share({ author_id: BOT.user, author_name: 'pibot' })] },
    `${DM(', forwarded from you')}\n${SLOW}`,
  ),
  row(
    'a forward of a card of an app',
    {
      text: '',
      attachments: [
        share({
          text: '',
          message_blocks: [],
          title: 'Build 7',
          title_link: 'https://ci.example/7',
          fields: [{ title: 'Branch', value: 'main' }],
        }),
      ],
    },
    `${DM(ORIGIN)}\n[Build 7](https://ci.example/7)\nBranch: main`,
  ),
  row(
    'two forwards in one message',
    {
      text: 'compare',
      attachments: [
        share(),
        share({ author_name: 'Ada', author_id: 'U0ADA', message_blocks: [], text: 'not for me' }),
      ],
    },
    forwarding('"Bob in #ops, Ada in #ops"', `> Bob in #ops: ${SLOW}\n> Ada in #ops: not for me`, 'compare'),
  ),
  row(
    'a link to a message beside its preview',
    {
      text: '<https://test.slack.com/archives/C0OPS/p1392734382000200>',
      attachments: [share({ is_share: undefined })],
    },
    forwarding('"Bob in #ops"', `> ${SLOW}`, 'https://test.slack.com/archives/C0OPS/p1392734382000200'),
  ),
];

export const upload = (name: string, type: string, bytes: Uint8Array, more: Json = {}): Json =>
  server.upload(name, type, bytes, more);
export const shareOf = (text: string, ...files: Json[]): Json => ({
  subtype: 'file_share',
  upload: false,
  text,
  files,
});

export const FILES: readonly Row[] = [
  row('a picture', () => shareOf('', upload('a.png', 'image/png', PNG)), DM(), 1),
  row(
    'pictures with a text',
    () => shareOf('which?', upload('a.png', 'image/png', PNG), upload('b.png', 'image/png', PNG)),
    `${DM()}\nwhich?`,
    2,
  ),
  row(
    'a snippet',
    () =>
      shareOf(
        '',
        upload('run.py', 'text/plain', Buffer.from('print(1)'), {
          mode: 'snippet',
          filetype: 'python',
          preview: 'print(1)',
        }),
      ),
    `${DM()}\n\n⟦attached file "run.py"⟧\n\`\`\`\nprint(1)\n\`\`\``,
  ),
  row(
    'any other file',
    () => shareOf('', upload('a.zip', 'application/zip', BINARY)),
    `${DM()}\n\n${attached('a.zip')}`,
  ),
  row(
    'a canvas',
    () =>
      shareOf(
        '',
        upload('The_plan', 'text/html', Buffer.from('<h1>Plan</h1>'), {
          title: 'The plan',
          mode: 'quip',
          filetype: 'quip',
          mimetype: 'application/vnd.slack-docs',
        }),
      ),
    `${DM()}\n\n⟦attached file "The plan"⟧\n\`\`\`\n<h1>Plan</h1>\n\`\`\``,
  ),
  row(
    'a voice message with what Slack heard',
    () =>
      shareOf(
        '',
        upload('audio_message.m4a', 'audio/mp4', BINARY, {
          subtype: 'slack_audio',
          media_display_type: 'audio',
          transcription: {
            status: 'complete',
            locale: 'en-US',
            preview: { content: 'call me back', has_more: false },
          },
        }),
      ),
    `${DM(', voice message')}\n[transcript by Slack] call me back\n\n${attached('audio_message.m4a')}`,
  ),
  row(
    'a long voice message that Slack calls a video',
    () =>
      shareOf(
        'listen',
        upload('audio_message.webm', 'video/webm', BINARY, {
          subtype: 'slack_audio',
          transcription: { status: 'complete', preview: { content: 'it began', has_more: true } },
        }),
      ),
    `${DM(', voice message')}\nlisten\n[transcript by Slack] it began …\n\n${attached('audio_message.webm')}`,
  ),
  row(
    'a voice message that Slack has not heard yet',
    () =>
      shareOf(
        '',
        upload('audio_message.m4a', 'audio/mp4', BINARY, {
          subtype: 'slack_audio',
          transcription: { status: 'processing' },
        }),
      ),
    `${DM(', voice message')}\n\n${attached('audio_message.m4a')}`,
  ),
  row(
    'a file of another service',
    {
      subtype: 'file_share',
      text: 'this',
      files: [
        {
          id: 'F9',
          mode: 'external',
          is_external: true,
          external_type: 'gdrive',
          title: 'Plan',
          name: 'Plan',
          mimetype: 'application/vnd.google-apps.document',
          url_private: 'https://docs.google.com/d/1',
        },
      ],
    },
    `${DM()}\nthis\n[Plan](https://docs.google.com/d/1)`,
  ),
  row(
    'an email',
    {
      subtype: 'file_share',
      text: '',
      files: [
        {
          id: 'F8',
          mode: 'email',
          filetype: 'email',
          title: 'Invoice',
          subject: 'Invoice',
          from: [{ address: 'shop@example.org', name: 'Shop', original: 'Shop <shop@example.org>' }],
          plain_text: 'Please pay.',
        },
      ],
    },
    `${DM()}\n[email "Invoice" from Shop <shop@example.org>]\nPlease pay.`,
  ),
  row(
    'a file that needs to be asked for',
    () => ({
      ...shareOf('here'),
      files: [
        {
          id: String(upload('c.txt', 'text/plain', Buffer.from('asked'))['id']),
          file_access: 'check_file_info',
          mode: 'file_access',
          name: 'c.txt',
        },
      ],
    }),
    `${DM()}\nhere\n\n⟦attached file "c.txt"⟧\n\`\`\`\nasked\n\`\`\``,
  ),
  row(
    'a file beside one that was deleted',
    () =>
      shareOf('both', upload('d.txt', 'text/plain', Buffer.from('kept')), { id: 'F3', mode: 'tombstone' }),
    `${DM()}\nboth\n\n⟦it also contains "a file that was deleted", which cannot be read⟧\n\n⟦attached file "d.txt"⟧\n\`\`\`\nkept\n\`\`\``,
  ),
];
