import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/base/errors.ts';
import { ConfigAccess } from '../../../src/gateway/config/access.ts';
import type { CommandResult, ConfigValue, OperatorCommand } from '../../../src/gateway/operator/operator.ts';
import { busySnapshot } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

/** The real schema's keys, with a stored secret and a stored choice. */
function configuration(): ConfigValue[] {
  return new ConfigAccess('/nonexistent/config.json').values().map((row) => {
    if (row.key === 'platforms.telegram.token') return { ...row, value: '••••••', source: 'file' };
    if (row.key === 'platforms.telegram.enabled') return { ...row, value: true, source: 'file' };
    return row;
  });
}

type Answer = CommandResult | Error;
const FINE = { message: 'fine', data: { ok: true, findings: ['The bot is @mybot (id 7).'] } };

async function open(
  answer: (command: OperatorCommand) => Answer | undefined = () => undefined,
): Promise<Harness> {
  const h = harness({
    snapshot: busySnapshot(),
    queries: { config: configuration() },
    answer: (command) => answer(command) ?? (command.type === 'adapter.check' ? FINE : { message: 'stored' }),
  });
  h.press('1 e');
  await h.settle();
  return h;
}

/** Moves the cursor to a field by its name. */
function go(h: Harness, key: string): void {
  for (let n = 0; n < 40; n += 1) {
    if (h.text(120, 40).some((line) => line.includes(`▸ ${key} `) || line.includes(`▸ ${key}*`))) return;
    h.press('tab');
  }
  throw new Error(`there is no field ${key}`);
}

const screen = (h: Harness): string => h.text(120, 40).join('\n');

describe('the settings form', () => {
  it('shows every setting of the platform with its help line and its default', async () => {
    const h = await open();
    expect(screen(h)).toContain('Settings of telegram');
    expect(screen(h)).toMatch(/enabled +yes/u);
    expect(screen(h)).toMatch(/dmPolicy +pairing \(default\)/u);
    go(h, 'mode');
    expect(screen(h)).toContain('How messages arrive');
  });

  it('never draws a secret: not the stored one, not what is typed, not what is pasted', async () => {
    const h = await open();
    go(h, 'token');
    expect(screen(h)).toContain('stored; type to replace it');
    h.type('12345:SECRET');
    h.controller.paste(' PASTED\n');
    expect(screen(h)).not.toMatch(/SECRET|PASTED|12345/u);
    expect(screen(h)).toContain('•'.repeat('12345:SECRETPASTED'.length));
  });

  it('tries what was typed, saves only what was changed, in one step, and says who the bot is', async () => {
    const h = await open();
    go(h, 'token');
    h.controller.paste('1:NEW\n');
    go(h, 'mode');
    h.press('space space');
    h.press('enter');
    await h.settle();
    await h.settle();
    const settings = { token: '1:NEW', mode: 'webhook' };
    expect(h.operator.commands).toEqual([
      { type: 'adapter.check', platform: 'telegram', settings },
      { type: 'config.set', key: 'platforms.telegram', value: settings },
    ]);
    expect(h.controller.view.modes).toEqual([]);
    expect(h.text(120, 40).at(-1)).toContain('The bot is @mybot');
  });

  it('saves nothing when the platform refuses, says why, and Ctrl+S saves all the same', async () => {
    const h = await open((command) =>
      command.type === 'adapter.check'
        ? { message: '', data: { ok: false, findings: ['Telegram refuses the token.'] } }
        : undefined,
    );
    go(h, 'token');
    h.type('x');
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('! Telegram refuses the token.');
    expect(screen(h)).toContain('Press Ctrl+S to save anyway');
    h.press('ctrl+s');
    await h.settle();
    expect(h.operator.commands.map((command) => command.type)).toEqual(['adapter.check', 'config.set']);
  });

  it('puts an error of the configuration at its field, with the fix', async () => {
    const h = await open((command) =>
      command.type === 'config.set'
        ? new GatewayError(
            'config',
            'config.json: platforms.telegram.apiRoot: "x" is wrong: it must be a URL',
            {
              hint: 'Set platforms.telegram.apiRoot to a URL.',
            },
          )
        : undefined,
    );
    go(h, 'apiRoot');
    h.type('x');
    h.press('tab enter');
    await h.settle();
    await h.settle();
    expect(screen(h)).toContain('▸ apiRoot');
    expect(screen(h)).toMatch(/it must be a URL\. Set[ │]+│?[\s\S]*platforms\.telegram\.apiRoot to a URL\./u);
  });

  it('says before it asks anybody that a number is none', async () => {
    const h = await open();
    go(h, 'sessions.idleMinutes');
    h.type('soon');
    h.press('enter');
    expect(screen(h)).toContain('sessions.idleMinutes: "soon" is not a number.');
    expect(h.operator.commands).toEqual([]);
  });

  it('takes an emptied value away, a stored secret too', async () => {
    const h = await open();
    go(h, 'token');
    h.press('backspace');
    expect(screen(h)).toContain('is removed when saved');
    h.press('ctrl+s');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'config.set', key: 'platforms.telegram', value: { token: null } },
    ]);
  });

  it('asks nobody about a platform that is being switched off', async () => {
    const h = await open();
    go(h, 'enabled');
    h.press('right');
    expect(screen(h)).toMatch(/enabled +no/u);
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'config.set', key: 'platforms.telegram', value: { enabled: false } },
    ]);
  });

  it('is left at once when nothing was typed, and only after a question when something was', async () => {
    const h = await open();
    h.press('esc');
    expect(h.controller.view.modes).toEqual([]);
    h.press('e');
    await h.settle();
    go(h, 'apiRoot');
    h.type('http://x');
    h.press('esc');
    expect(screen(h)).toContain('What you typed is not saved.');
    h.press('y');
    expect(h.controller.view.modes).toEqual([]);
    expect(h.operator.commands).toEqual([]);
  });

  it('is not saved any more when it was left while the platform was asked', async () => {
    let answer: (result: CommandResult) => void = () => {};
    const h = harness({
      snapshot: busySnapshot(),
      queries: { config: configuration() },
      answer: () =>
        new Promise<CommandResult>((resolve) => {
          answer = resolve;
        }),
    });
    h.press('1 e');
    await h.settle();
    go(h, 'apiRoot');
    h.type('http://x');
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('Asking telegram');
    h.press('esc y');
    answer(FINE);
    await h.settle();
    expect(h.operator.commands.map((command) => command.type)).toEqual(['adapter.check']);
  });
});
