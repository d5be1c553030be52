/** Adapters: their state in a sign, a word and a phrase. */

import type { AdapterState, AdapterView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { chart, type Span, span, spread } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { gatewayOf, type ListDefinition, originSpans, ownId } from './list.ts';

const SIGNS: Readonly<Record<AdapterState, { sign: (g: Glyphs) => string; style: Style }>> = {
  connected: { sign: (g) => g.on, style: 'ok' },
  starting: { sign: (g) => g.wait, style: 'warn' },
  reconnecting: { sign: (g) => g.busy, style: 'warn' },
  parked: { sign: (g) => g.bad, style: 'bad' },
  stopped: { sign: (g) => g.off, style: 'dim' },
  disabled: { sign: (g) => g.off, style: 'dim' },
};

/** Columns of the chart in a row: two minutes. */
const SPARK = 12;

/** Sign of an adapter's state; each state that differs for the operator has its own. */
export function adapterSign(state: AdapterState, glyphs: Glyphs): Span {
  const { sign, style } = SIGNS[state];
  return span(sign(glyphs), style);
}

/** What operators read for a state: `parked` (the name in the API) is a failure that needs them. */
export function stateWord(state: AdapterState): string {
  return state === 'parked' ? 'failed' : state;
}

/** The phrase of the row; a state that the phrase does not contain comes first. */
export function adapterPhrase(row: AdapterView): string {
  const detail = clean(row.detail);
  if (row.state === 'connected') return detail;
  const word = stateWord(row.state);
  return detail === '' ? word : detail.includes(word) ? detail : `${word}: ${detail}`;
}

export const adaptersList: ListDefinition<AdapterView> = {
  title: 'Adapters',
  rows: ({ slices }) => slices.adapters,
  key: (row) => row.platform,
  haystack: (row) =>
    `${row.platform} ${row.state} ${stateWord(row.state)} ${row.detail} ${row.account?.name ?? ''}`,
  columns: {
    platform: (row) => row.platform,
    state: (row) => stateWord(row.state),
    received: (row) => row.received,
    sent: (row) => row.sent,
    gateway: (row) => gatewayOf(row.platform),
  },
  // As in the header: what is disabled is not expected to be there.
  count: (rows) =>
    `${rows.filter((row) => row.state === 'connected').length}/${rows.filter((row) => row.state !== 'disabled').length}`,
  empty: () => ['No adapter is configured.', 'Add one under "platforms" in the configuration (: config).'],
  draw(row, { width, glyphs, ticker, pending, pulse }) {
    const quiet = row.state === 'stopped' || row.state === 'disabled';
    const left: Span[] = [
      adapterSign(row.state, glyphs),
      span(' '),
      ...originSpans(row.platform, glyphs.ellipsis),
      span(fillTo(ownId(row.platform), 9), quiet ? 'dim' : 'strong'),
      span(' '),
      ...(row.open ? [span('OPEN', 'badge'), span(' ')] : []),
      span(adapterPhrase(row), row.state === 'parked' ? 'bad' : quiet ? 'dim' : 'text'),
    ];
    const last = row.ingress.lastUpdateAt;
    const next = row.transport.nextTryAt;
    const spark: Span[] = [];
    if (width >= 50 && pulse !== undefined && !quiet) {
      if (pulse.nextChangeAt !== undefined) ticker.at(pulse.nextChangeAt);
      const values = pulse.platforms[row.platform]?.in;
      if (values !== undefined)
        spark.push(
          ...(chart(values, { width: SPARK, height: 1, style: 'accent' }, glyphs)[0] ?? []),
          span(' '),
        );
    }
    const right: Span[] = pending.has(row.platform)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : row.state === 'parked'
        ? [span('[enter]', 'key')]
        : row.state === 'reconnecting' && next !== undefined && next > ticker.now
          ? [span(`again in ${ticker.left(next)}`, 'dim')]
          : last !== undefined && !quiet
            ? [span(`in ${ticker.age(last)} ago`, 'dim')]
            : [];
    return [spread(left, [...spark, ...right], width, glyphs.ellipsis, 18)];
  },
};
