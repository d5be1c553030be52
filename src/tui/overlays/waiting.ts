/** A gateway that does not answer: which one is tried, since when, and when again. */
import { clean, wrap } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import { clockTime } from '../draw/times.ts';
import { type Block, row, type Scene } from '../screen/scene.ts';
import { framed, middlePlace } from './place.ts';

const WIDTH = 72;

/** Undefined while the gateway answers. */
export function waitingBlock(scene: Scene): Block | undefined {
  const { link } = scene.controller.slices;
  const { waiting } = link;
  if (waiting === undefined || link.connected) return undefined;
  const width = Math.min(WIDTH, scene.columns - 2);
  const next = waiting.nextAt === undefined ? 'Trying now.' : `Next try at ${clockTime(waiting.nextAt)}.`;
  const texts = [
    ...wrap(`${clean(waiting.address, 300)} does not answer since ${clockTime(waiting.since)}.`, width - 4),
    ...wrap(`${clean(waiting.reason, 400)}.`, width - 4).slice(0, 5),
    `${next} It comes back on its own.`,
  ];
  const place = middlePlace(scene, width, texts.length + 2);
  const lines = texts.map((text, index): Line => [span(' '), span(text, index === 0 ? 'text' : 'dim')]);
  return framed(
    scene,
    place,
    [span('Waiting for the gateway', 'warn')],
    lines.map((line) => row(scene, line, place.width - 2)),
  );
}
