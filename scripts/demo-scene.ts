/** The script of the README's animation: what is pressed in `pi-gateway-tui --demo`, and what the screen then shows. */
export interface SceneStep {
  /** Pressed one after the other. */
  readonly keys: readonly string[];
  /** Under the picture while this step is shown. */
  readonly caption: string;
  /** A text that the screen shows before the step counts as done. */
  readonly shows: string;
  /** How long the viewer gets to read it. */
  readonly holdMs: number;
}

export const DEMO_SIZE = { columns: 100, rows: 26 } as const;

export const DEMO_SCENE: readonly SceneStep[] = [
  {
    keys: [],
    caption: 'A new user writes to the bot and waits for approval',
    shows: 'Grace from the meetup',
    holdMs: 2500,
  },
  {
    keys: ['4', 'a'],
    caption: '4 a: approve the request',
    shows: 'Grace from the meetup (',
    holdMs: 1500,
  },
  { keys: [], caption: 'The agent answers the message that was written first', shows: 'idle', holdMs: 2000 },
  { keys: ['2', '\r'], caption: '2 Enter: follow the chat live', shows: 'You said:', holdMs: 3000 },
  {
    keys: ['\u001b', '4'],
    caption: 'Esc 4: back. More users request access',
    shows: '4 Pairing',
    holdMs: 2000,
  },
  { keys: ['b'], caption: 'b: block the sender. u undoes it', shows: 'u undo', holdMs: 2000 },
  { keys: ['v'], caption: 'v: the last ten minutes of every platform', shows: 'Pulse', holdMs: 3000 },
];
