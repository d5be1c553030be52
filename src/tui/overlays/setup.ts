/** The guided setup: agent, platform, done. The form between the last two is a form like any other. */
import { clean, fillTo, wrap } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import { firstMessageStep, GUIDES, shellWords } from '../forms/setup.ts';
import { adapterPhrase, adapterSign } from '../lists/adapters.ts';
import { type Block, framed, middlePlace, type Place, row, type Scene } from '../screen/scene.ts';
import type { Mode } from '../state/view.ts';

type SetupMode = Extract<Mode, { kind: 'setup' }>;

const WIDTH = 84;
const TITLES = {
  agent: '1 of 3  the agent',
  platform: '2 of 3  a platform',
  done: '3 of 3  who has access',
};

export function setupBlock(scene: Scene, mode: SetupMode): Block {
  const width = Math.min(WIDTH, scene.columns - 2) - 4;
  const lines = { agent: agentLines, platform: platformLines, done: doneLines }[mode.step](
    scene,
    mode,
    width,
  );
  const place = asideOfPairing(scene, middlePlace(scene, WIDTH, lines.length + 3));
  const shown = [...lines.slice(0, place.height - 2)].map((line: Line) =>
    row(scene, [span(' '), ...line], place.width - 2),
  );
  return framed(scene, place, [span('Set-up', 'title'), span(`  ${TITLES[mode.step]}`, 'dim')], shown);
}

/** Anyone who requests access in the meantime stays in sight: above in the grid, at the left on a wide screen, else below. */
function asideOfPairing({ columns, rows }: Pick<Scene, 'columns' | 'rows'>, place: Place): Place {
  if (columns < 100 || rows < 30) return { ...place, y: 1 };
  return { ...place, x: columns < 160 ? place.x : columns - place.width - 2, y: rows - 2 - place.height };
}

function text(
  words: string,
  width: number,
  style: 'text' | 'dim' | 'warn' | 'bad' | 'mark' = 'text',
): Line[] {
  return wrap(clean(words, 1_000), width).map((line) => [span(line, style)]);
}

function keys(...pairs: readonly (readonly [string, string])[]): Line {
  return pairs.flatMap(([key, label]) => [span(key, 'key'), span(` ${label}   `)]);
}

/** What the same costs in a shell. */
function shell(commands: readonly string[], width: number): Line[] {
  return [
    [span('The same from a shell:', 'dim')],
    ...commands.flatMap((each) => text(`  ${each}`, width, 'dim')),
  ];
}

function agentLines(scene: Scene, _mode: SetupMode, width: number): Line[] {
  const { controller, glyphs } = scene;
  const { agent } = controller.slices.gateway;
  const asking = controller.view.pending.has('doctor') || agent.detail === 'not checked yet';
  const state: Line[] = asking
    ? [[span(`${glyphs.wait} `, 'warn'), span(`looking for it${glyphs.ellipsis}`)]]
    : agent.ok
      ? text(agent.detail, width - 2).map((line, at) => [
          span(at === 0 ? `${glyphs.done} ` : '  ', 'ok'),
          ...line,
        ])
      : [
          ...text(agent.detail, width - 2, 'bad').map(
            (line, at): Line => [span(at === 0 ? `${glyphs.bad} ` : '  ', 'bad'), ...line],
          ),
        ];
  return [
    ...text('Welcome. Setup has three steps. Press Esc to skip it; type :setup to reopen it.', width),
    [],
    ...text(`Messages are answered by pi (${agent.backend}).`, width),
    ...state,
    ...(agent.hint === undefined || asking ? [] : text(agent.hint, width, 'mark')),
    ...(agent.ok || asking
      ? []
      : text(
          'You can continue and fix this later. Until then, every message is answered with this error.',
          width,
        )),
    [],
    ...shell(['pi-gateway-tui doctor'], width),
    keys(['Enter', 'continue'], ['c', 'check again'], ['Esc', 'skip']),
  ];
}

function platformLines(scene: Scene, mode: SetupMode, width: number): Line[] {
  const { controller, glyphs } = scene;
  const { adapters } = controller.slices;
  return [
    ...text('Which platform do you want to connect?', width),
    [],
    ...GUIDES.map(([platform, guide], at): Line => {
      const here = adapters.find((entry) => entry.platform === platform);
      const on = here !== undefined && here.state !== 'disabled';
      const chosen = at === mode.index;
      return [
        chosen ? span(`${glyphs.cursor} `, 'key') : span('  '),
        span(fillTo(platform, 11), chosen ? 'strong' : 'text'),
        ...(on ? [adapterSign(here.state, glyphs), span(' ')] : [span('  ')]),
        span(on ? adapterPhrase(here) : `needs ${guide.needs}`, chosen ? 'text' : 'dim'),
      ];
    }),
    [],
    ...shell(shellWords(GUIDES[mode.index]?.[0] ?? 'telegram'), width),
    [],
    keys(['Enter', 'choose'], ['j k', 'move'], ['h', 'back'], ['Esc', 'skip']),
  ];
}

function doneLines(scene: Scene, mode: SetupMode, width: number): Line[] {
  const { controller, glyphs } = scene;
  const platform = mode.platform ?? 'websocket';
  const here = controller.slices.adapters.find((entry) => entry.platform === platform);
  const state: Line[] =
    here === undefined
      ? []
      : [
          [adapterSign(here.state, glyphs), span(` ${platform}  `, 'strong'), span(adapterPhrase(here))],
          ...(here.nextStep === undefined ? [] : text(`Next step: ${here.nextStep}`, width, 'mark')),
        ];
  const ways: readonly (readonly [string, string])[] = [
    ['p', 'pair my phone: makes a code for one person'],
    ['a', 'another platform'],
  ];
  return [
    ...state,
    ...(mode.said ?? []).slice(0, 3).flatMap((said) => text(said, width, 'dim')),
    [],
    ...text(
      'No one can use the bot until you approve them: the agent can run commands on this machine.',
      width,
    ),
    ...text(firstMessageStep(platform, here), width),
    ...text('New users appear in the Pairing pane: a approve, d deny, b block.', width),
    [],
    ...ways.map(([key, words]): Line => [span(key, 'key'), span(`  ${words}`)]),
    [],
    keys(['Enter', 'done'], ['Esc', 'close']),
  ];
}
