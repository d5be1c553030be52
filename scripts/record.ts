/**
 * Records the README's animation: plays the scene in the built program on a pseudo-terminal and writes what it drew as
 * an SVG with frames. It is not part of `npm run docs`: times of day and codes differ each time.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TerminalProgram } from '../test/support/terminal.ts';
import { DEMO_SCENE, DEMO_SIZE } from './demo-scene.ts';
import { animationOf, type Frame } from './svg.ts';

const FRAME_MS = 250;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const screen = new TerminalProgram(['--demo'], DEMO_SIZE);
const frames: Frame[] = [];
/** A screen that stays the same is one frame that lasts longer. */
function shoot(caption: string, ms: number): void {
  const rows = screen.styled();
  const last = frames.at(-1);
  if (last !== undefined && last.caption === caption && last.rows.join('\n') === rows.join('\n'))
    frames[frames.length - 1] = { ...last, ms: last.ms + ms };
  else frames.push({ rows, caption, ms });
}

try {
  for (const { keys, caption, shows, holdMs } of DEMO_SCENE) {
    for (const key of keys) {
      // The console takes no decision about a row that came under the cursor a moment ago.
      await after(400);
      screen.type(key);
    }
    await screen.shows(shows, 15_000);
    for (let shown = 0; shown < holdMs; shown += FRAME_MS) {
      await after(FRAME_MS);
      shoot(caption, FRAME_MS);
    }
  }
} finally {
  await screen.end();
}
const file = join(root, 'docs/media/demo.svg');
const svg = animationOf(frames, DEMO_SIZE.columns, 'A recording of pi-gateway-tui --demo');
writeFileSync(file, svg);
process.stdout.write(`${file}: ${frames.length} frames, ${Math.round(svg.length / 1024)} KiB\n`);
