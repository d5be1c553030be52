/** The gateways that this console can show. */
import { clean, fillTo } from '../draw/cells.ts';
import { cutLine, type Line, type Span, span, spread } from '../draw/line.ts';
import type { Glyphs } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
import type { ContextView } from '../state/slices.ts';
import type { ListDefinition } from './list.ts';
import { ALL_GATEWAYS } from './origin.ts';

function sign(state: ContextView['state'], glyphs: Glyphs): Span {
  switch (state) {
    case 'connected':
      return span(glyphs.on, 'ok');
    case 'unopened':
      return span(glyphs.off, 'dim');
    case 'waiting':
    case 'silent':
      return span(glyphs.busy, 'warn');
  }
}

/** Since when it does not answer, and when it is tried again. */
function waitingWords({ since, nextAt }: NonNullable<ContextView['waiting']>): string {
  const next = nextAt === undefined ? 'trying now' : `next try at ${clockTime(nextAt)}`;
  return `waiting since ${clockTime(since)}, ${next}`;
}

function stateWords({ state, waiting, pairing, questions, failures }: ContextView): Line {
  if (waiting !== undefined) return [span(waitingWords(waiting), 'warn')];
  if (state === 'unopened') return [span('not connected yet', 'dim')];
  if (state === 'silent') return [span('no answer', 'warn')];
  const counts = [
    `${pairing} pairing`,
    `${questions} ${questions === 1 ? 'question' : 'questions'}`,
    `${failures} failed`,
  ];
  return [span(counts.join(', '), pairing + questions + failures > 0 ? 'mark' : 'dim')];
}

export const contextsList: ListDefinition<ContextView> = {
  title: 'Gateways',
  rows: ({ slices }) => slices.contexts,
  key: (row) => row.name,
  haystack: (row) => `${row.name} ${row.address} ${row.state}`,
  columns: {
    name: (row) => row.name,
    state: (row) => row.state,
    pairing: (row) => row.pairing,
    questions: (row) => row.questions,
    failures: (row) => row.failures,
  },
  height: () => 2,
  count: (rows) => String(rows.filter(({ name }) => name !== ALL_GATEWAYS).length),
  empty: () => [
    'This console has one gateway.',
    'To add others, name them under "contexts" in config.json and start the console again:',
    '{ "contexts": [{ "name": "work", "url": "https://work.example.com", "token": "$WORK_TOKEN" }] }',
  ],
  draw(row, { width, glyphs }) {
    const left: Span[] = [
      sign(row.state, glyphs),
      span(' '),
      span(
        fillTo(clean(row.name, 24), Math.min(16, Math.floor(width / 4)), 'left', glyphs.ellipsis),
        'strong',
      ),
      span(' '),
      ...stateWords(row),
    ];
    const right = row.shown ? [span('on screen', 'mark')] : [];
    const reason = row.waiting === undefined ? '' : `: ${clean(row.waiting.reason, 300)}`;
    return [
      spread(left, right, width, glyphs.ellipsis, 20),
      cutLine([span(`  ${clean(row.address, 200)}${reason}`, 'dim')], width, glyphs.ellipsis).line,
    ];
  },
};
