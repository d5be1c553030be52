/** One row of a list as plain text, drawn by the same definition that draws it on the screen. */
import { UNICODE_GLYPHS } from '../draw/glyphs.ts';
import { Ticker } from '../draw/times.ts';
import type { ListDefinition, ListId, RowOf } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { describeAdapter, describeRequest } from './announce.ts';

const WIDTH = 400;

export function rowText<K extends ListId>(list: K, row: RowOf[K], now: number): string {
  const definition: ListDefinition<RowOf[K]> = LISTS[list];
  const context = {
    width: WIDTH,
    glyphs: UNICODE_GLYPHS,
    ticker: new Ticker(now),
    pending: new Set<string>(),
  };
  return definition
    .draw(row, context)
    .map((line) => line.map((part) => part.text).join(''))
    .join(' ')
    .replaceAll(/[▓░●◐○✕◌✓▲]/gu, '')
    .replaceAll(/ {2,}/gu, ' ')
    .trim();
}

/** Lists whose signs carry meaning are spoken in words. */
export function spokenRow<K extends ListId>(list: K, row: RowOf[K], now: number): string {
  if ('ingress' in row) return describeAdapter(row);
  if ('firstWords' in row) return describeRequest(row, now);
  if ('chatKind' in row) return `${row.state}, ${rowText(list, row, now)}`;
  return rowText(list, row, now);
}
