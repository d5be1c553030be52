import { Type } from 'typebox';

/** The part of the schema that says how the console looks and calls. */

const COLOURS = '(?:(?:bright-)?(?:black|red|green|yellow|blue|magenta|cyan|white)|#[0-9a-fA-F]{6})';

const WORD = `(?:bold|dim|underline|inverse|${COLOURS})`;

/** "bold red", "#ffaa00 on black", "underline", "none". */
const STYLE = `^(?:none|on ${COLOURS}|${WORD}(?: ${WORD})*(?: on ${COLOURS})?)$`;

const style = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: STYLE,
      'x-pattern': 'words such as "bold red", "#ffaa00 on black" or "none"',
      description,
    }),
  );

const ThemeSchema = Type.Object(
  {
    base: Type.Optional(
      Type.Union([Type.Literal('dark'), Type.Literal('light'), Type.Literal('mono')], {
        description: 'Where styles that are not given come from.',
      }),
    ),
    text: style('Plain text.'),
    dim: style('What matters less.'),
    strong: style('Names.'),
    accent: style('Bars and progress.'),
    ok: style('Fine.'),
    warn: style('Needs a look.'),
    bad: style('Wrong.'),
    code: style('Codes and code.'),
    key: style('Keys and the cursor.'),
    title: style('Titles.'),
    border: style('Borders.'),
    borderFocus: style('The border of the focused pane.'),
    badge: style('Badges in the header.'),
    select: style('The selected row.'),
    mark: style('Marks and counts.'),
  },
  { additionalProperties: false },
);

export const ConsoleSchema = Type.Object({
  theme: Type.Optional(
    Type.String({
      default: 'auto',
      'x-is': 'word',
      description: 'Colors of the console: auto, dark, light, mono, or a name of `console.themes`.',
    }),
  ),
  themes: Type.Optional(
    Type.Record(Type.String(), ThemeSchema, {
      description:
        'Own themes: name to styles such as {"base": "dark", "bad": "bold #ff5555", "select": "black on cyan"}.',
    }),
  ),
  ascii: Type.Optional(Type.Boolean({ default: false, description: 'Draw with ASCII characters only.' })),
  mouse: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        'Take the mouse: click a row, scroll with the wheel. Text is then selected with Shift held.',
    }),
  ),
  bell: Type.Optional(
    Type.Boolean({ default: false, description: 'Ring the bell when a new user requests access.' }),
  ),
  notifications: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('osc9'), Type.Literal('osc777')], {
      default: 'off',
      description:
        'Desktop notification when a new user requests access, by the sequence the terminal knows (iTerm2, Windows Terminal, Ghostty: osc9; foot, rxvt, VTE: osc777).',
    }),
  ),
  keys: Type.Optional(
    Type.Record(Type.String(), Type.String({ 'x-is': 'word' }), {
      description: 'Remapped keys: action name to key.',
    }),
  ),
  commands: Type.Optional(
    Type.Array(
      Type.Object(
        {
          key: Type.String({ minLength: 1, 'x-is': 'word', description: 'The key that runs it.' }),
          name: Type.String({
            minLength: 1,
            maxLength: 40,
            'x-is': 'word',
            description: 'Its name in the hint line.',
          }),
          run: Type.Array(Type.String({ 'x-is': 'argument' }), {
            minItems: 1,
            description: 'Program and arguments; {id}, {platform} and {chat} are values of the selected row.',
          }),
          confirm: Type.Optional(Type.Boolean({ default: false, description: 'Ask first.' })),
          where: Type.Optional(
            Type.Array(
              Type.Union([
                Type.Literal('sessions'),
                Type.Literal('tasks'),
                Type.Literal('pairing'),
                Type.Literal('adapters'),
                Type.Literal('refusals'),
                Type.Literal('allowlist'),
                Type.Literal('outbox'),
              ]),
              { description: 'Lists in which it works; default: sessions.' },
            ),
          ),
        },
        { additionalProperties: false },
      ),
      { description: 'Own commands on the selected row. They run without a shell.' },
    ),
  ),
  filters: Type.Optional(
    Type.Record(Type.String(), Type.String({ 'x-is': 'filter' }), {
      description: 'Saved filters of lists: name to filter, used as `@name`.',
    }),
  ),
});
