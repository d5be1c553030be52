/**
 * Clusters of several code points (keycaps, letters with marks, Indic syllables) are measured in one way here, in another
 * by each library of the renderer, so a row with them was cut or left stale cells behind. The renderer gets a private
 * character for each cell instead; the stream to the terminal puts the cluster back.
 */
import { cellWidth, graphemes } from './cells.ts';
import { IS_CLUSTER } from './clusters.ts';

const FIRST = 0xe000;
/** Stands for the second cell of a wide cluster. */
export const FILLER = '\uf8ff';
const LIMIT = 0xf8ff - FIRST;
const PRIVATE = /[\ue000-\uf8ff]/gu;

const places = new Map<string, string>();
const clusters: string[] = [];

/** Widths have changed: clusters get places of their width from now on. Says whether any was drawn before. */
export function renewPlaces(): boolean {
  const drawn = places.size > 0;
  places.clear();
  return drawn;
}

/** The text with a private character in each cell of a cluster. */
export function withPlaceholders(text: string): string {
  if (!IS_CLUSTER.test(text)) return text;
  return graphemes(text)
    .map((cluster) => (IS_CLUSTER.test(cluster) ? placeOf(cluster) : cluster))
    .join('');
}

function placeOf(cluster: string): string {
  const known = places.get(cluster);
  if (known !== undefined) return known;
  const width = cellWidth(cluster);
  // More different clusters than anybody reads: the letter without its marks.
  if (clusters.length >= LIMIT) return cluster.replaceAll(/\p{M}/gu, '').padEnd(width);
  const place = String.fromCharCode(FIRST + clusters.length) + FILLER.repeat(Math.max(0, width - 1));
  clusters.push(cluster);
  places.set(cluster, place);
  return place;
}

/** What the terminal gets. */
export function withClusters(text: string): string {
  return text.replaceAll(PRIVATE, (place) =>
    place === FILLER ? '' : (clusters[(place.codePointAt(0) ?? FIRST) - FIRST] ?? place),
  );
}
